"""What the readers of recorded logs share: their options, and strict columns of text."""

import csv
import gzip
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from blis.checks import check_int, check_keys, check_number
from blis.errors import ConfigError
from blis.units import Float64Vector, Int64Vector
from blis.workload.requests import MOST_REQUESTS

PIECE_ROWS = 1000
LONGEST_FIELD = 2**31 - 1  #: characters; a row may hold a whole prompt


def check_options(
    where: str, mapping: Mapping[str, object], more: Sequence[str] = (), needs_path: bool = True
) -> dict[str, Any]:
    """Return the keys `path`, `rate` and `num_requests`, None if absent, and `more` unchecked."""
    given = check_keys(where, mapping, ("path", "rate", "num_requests", *more), ("path",) if needs_path else ())
    path, rate, count = (given.get(key) for key in ("path", "rate", "num_requests"))
    if path is not None or needs_path:
        path = check_path(f"{where}.path", path)
    if rate is not None:
        rate = check_number(f"{where}.rate", rate, above=0, unit="requests/s")
    if count is not None:
        count = check_int(f"{where}.num_requests", count, 1, MOST_REQUESTS)
    return {**given, "path": path, "rate": rate, "num_requests": count}


def check_path(where: str, value: object) -> Path:
    """Return `value` as the path of a file that exists."""
    if not isinstance(value, str | Path) or not str(value):
        raise ConfigError(f"{where} must be the path of a file; got {value!r}.")
    path = Path(value)
    if not path.is_file():
        raise ConfigError(f"{where} must be the path of a file; there is none at {str(value)!r}.")
    return path


def read_text(path: Path) -> str:
    """The text of a UTF-8 file, unpacked if its name ends in .gz.

    Raises
    ------
    ConfigError
        If it cannot be read or decoded.
    """
    try:
        if path.suffix == ".gz":
            with gzip.open(path, "rt", encoding="utf-8-sig") as file:
                return file.read()
        return path.read_text(encoding="utf-8-sig")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}.") from error


def read_csv(path: Path) -> tuple[list[str], list[list[str]]]:
    """Header and columns of a CSV file; blank lines are passed over.

    Raises
    ------
    ConfigError
        If it has no data rows, or a row has not as many columns as the header.
    """
    previous_limit = csv.field_size_limit(LONGEST_FIELD)
    try:
        rows = filter(None, csv.reader(io.StringIO(read_text(path))))
        header = [name.strip() for name in next(rows, ())]
        columns = _columns(path, len(header), rows)
    except csv.Error as error:
        raise ConfigError(f"{path} is not a CSV file: {error}.") from error
    finally:
        csv.field_size_limit(previous_limit)
    if not columns or not columns[0]:
        raise ConfigError(f"{path} must hold a header and at least one request; got no request.")
    return header, columns


def _columns(path: Path, width: int, rows: Iterator[list[str]]) -> list[list[str]]:
    """Turn rows into columns piece by piece: a million small lists would keep the garbage collector busy."""
    columns: list[list[str]] = [[] for _ in range(width)]
    while piece := list(islice(rows, PIECE_ROWS)):
        if set(map(len, piece)) != {width}:
            at, n_cells = next((at, len(row)) for at, row in enumerate(piece) if len(row) != width)
            raise ConfigError(
                f"{path}, row {len(columns[0]) + at}: must have {width} columns like the header; got {n_cells}."
            )
        for column, cells in zip(columns, zip(*piece, strict=True), strict=True):
            column.extend(cells)
    return columns


def int_column(path: Path, name: str, cells: Sequence[str], minimum: int | None = None) -> Int64Vector:
    """A column of whole numbers ≥ `minimum`, read strictly.

    Raises
    ------
    ConfigError
        Naming the row (from 0) and the column of the first cell that is not one.
    """
    rule = "an int" + ("" if minimum is None else f" ≥ {minimum}")
    numbers = _column(path, name, cells, int, np.int64, rule)
    if minimum is not None and (numbers < minimum).any():
        refuse_cell(path, int((numbers < minimum).argmax()), name, rule, cells)
    return numbers


def float_column(path: Path, name: str, cells: Sequence[str], minimum: float | None = None) -> Float64Vector:
    """A column of finite numbers ≥ `minimum`, read strictly; raises like `int_column`."""
    rule = "a finite number" + ("" if minimum is None else f" ≥ {minimum:g}")
    numbers = _column(path, name, cells, float, np.float64, rule)
    wrong = ~np.isfinite(numbers)
    if minimum is not None:
        wrong |= numbers < minimum
    if wrong.any():
        refuse_cell(path, int(wrong.argmax()), name, rule, cells)
    return numbers


def refuse_cell(path: Path, row: int, name: str, rule: str, cells: Sequence[str]) -> NoReturn:
    """Raise the one error for a wrong cell."""
    shown = cells[row] if len(cells[row]) <= 80 else cells[row][:77] + "..."
    raise ConfigError(f"{path}, row {row}, column {name!r}: must be {rule}; got {shown!r}.")


def _column(
    path: Path, name: str, cells: Sequence[str], read: Callable[[str], object], dtype: type, rule: str
) -> np.ndarray:
    try:
        if not any("_" in cell for cell in cells):  # Python reads 1_000, files do not mean it
            return np.fromiter(map(read, cells), dtype, len(cells))
    except (ValueError, OverflowError):
        pass
    for row, cell in enumerate(cells):
        try:
            np.array(read(cell), dtype)
            is_wrong = "_" in cell
        except (ValueError, OverflowError):
            is_wrong = True
        if is_wrong:
            refuse_cell(path, row, name, rule, cells)
    raise ConfigError(f"{path}, column {name!r}: must hold {rule} in every row.")
