"""Reads the files of a run folder; whatever is damaged is an error that names the file."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from blis.foundation.errors import ConfigError
from blis.foundation.units import BoolVector, Float64Vector
from blis.foundation.words import shown

if TYPE_CHECKING:
    import pyarrow

#: Kinds of columns, by which a table is checked.
NUMBER, TEXT, FLAG = "number", "text", "flag"


def read_text(path: Path) -> str:
    """The text of a file.

    Raises
    ------
    ConfigError
        If it cannot be read, or is no UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} must be a text in UTF-8; byte {error.start} is not.") from error


def read_mapping(path: Path) -> dict[str, Any]:
    """The mapping in a JSON file.

    Raises
    ------
    ConfigError
        If there is none, or if it holds NaN or infinity, which no run writes.
    """

    def refuse(constant: str) -> NoReturn:
        raise ValueError(f"it holds {constant}")

    try:
        document = json.loads(read_text(path), parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is damaged, not valid JSON: {error}.") from error
    if not isinstance(document, dict):
        raise ConfigError(f"{path} is damaged: it must hold a mapping; got {type(document).__name__}.")
    return document


def read_table(path: Path, columns: Mapping[str, str]) -> "pyarrow.Table":
    """The named columns of a Parquet file: numbers as float64, texts as dictionaries, flags as bool, null as null.

    Parameters
    ----------
    path : Path
    columns : mapping of str to str
        Name of each column that is needed, and its kind: `NUMBER`, `TEXT` or `FLAG`.

    Raises
    ------
    ConfigError
        If the file is damaged, or lacks a column, or one is of another kind.
    """
    import pyarrow as pa
    from pyarrow import parquet

    types = {NUMBER: pa.float64(), TEXT: pa.string(), FLAG: pa.bool_()}
    try:
        there = parquet.read_schema(path).names
        absent = [name for name in columns if name not in there]
        if absent:
            raise ConfigError(f"{path} must have the column {shown(absent[0])}; it has {', '.join(there)}.")
        table = parquet.read_table(path, columns=list(columns))
        return pa.table({name: table[name].cast(types[kind]) for name, kind in columns.items()})
    except (pa.ArrowException, OSError) as error:
        raise ConfigError(f"{path} is damaged, not a Parquet table of a run: {error}") from error


def numbers(table: "pyarrow.Table", name: str) -> Float64Vector:
    """(rows,) a column of numbers; NaN for null."""
    column: Float64Vector = table[name].to_numpy()
    return column


def is_text(table: "pyarrow.Table", name: str, text: str) -> BoolVector:
    """(rows,) whether a column of texts holds this one."""
    from pyarrow import compute

    return compute.fill_null(compute.equal(table[name], text), False).to_numpy()  # type: ignore[no-any-return]
