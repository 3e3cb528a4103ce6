"""What the readers of recorded logs share: their options, and strict columns of text."""

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import numpy as np

from blis.foundation.checks import check_int, check_keys, check_number
from blis.foundation.errors import ConfigError
from blis.foundation.files import check_path, opened
from blis.foundation.units import Float64Vector, Int64Vector
from blis.workload.requests import MOST_REQUESTS

PIECE_ROWS = 1000
LONGEST_FIELD = 2**31 - 1  #: characters; a row may hold a whole prompt


class CsvPiece(NamedTuple):
    """Some rows of a CSV file."""

    first_row: int  #: number of its first row in the file, from 0
    columns: list[tuple[str, ...]]  #: cells, in the order of the header


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


def read_csv(path: Path) -> tuple[list[str], list[list[str]]]:
    """Header and columns of a CSV file; blank lines are passed over.

    Raises
    ------
    ConfigError
        If it has no data rows, or a row has not as many columns as the header.
    """
    header, pieces = csv_pieces(path)
    columns: list[list[str]] = [[] for _ in header]
    for piece in pieces:
        for column, cells in zip(columns, piece.columns, strict=True):
            column.extend(cells)
    return header, columns


def csv_pieces(path: Path, n_rows: int = PIECE_ROWS) -> tuple[list[str], Iterator[CsvPiece]]:
    """Header of a CSV file, and its rows piece by piece: a file of any length needs little memory.

    Raises
    ------
    ConfigError
        As `read_csv`; about rows, when their piece is taken.
    """
    rows = _rows(path)
    header = [name.strip() for name in next(rows, ())]
    return header, _pieces(path, len(header), rows, n_rows)


def _rows(path: Path) -> Iterator[list[str]]:
    """Rows that are not blank."""
    try:
        with _long_fields(), opened(path, newline="") as file:
            reader = csv.reader(file, strict=True)  # else a quote that is never closed swallows all rows after it
            yield from filter(None, reader)
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}.") from error
    except csv.Error as error:
        raise ConfigError(f"{path} is not a CSV file: {error}. See line {reader.line_num}.") from error


def _pieces(path: Path, width: int, rows: Iterator[list[str]], n_rows: int) -> Iterator[CsvPiece]:
    """Turn rows into columns piece by piece: a million small lists would keep the garbage collector busy."""
    first_row = 0
    while piece := list(islice(rows, n_rows)):
        if set(map(len, piece)) != {width}:
            at, n_cells = next((at, len(row)) for at, row in enumerate(piece) if len(row) != width)
            row = first_row + at
            raise ConfigError(
                f"{path}, row {row}: must have {width} columns like the header; got {n_cells}. See line "
                f"{_line(path, row)}."
            )
        yield CsvPiece(first_row, list(zip(*piece, strict=True)))
        first_row += len(piece)
    if not first_row:
        raise ConfigError(f"{path} must hold a header and at least one request; got no request.")


@contextmanager
def _long_fields() -> Iterator[None]:
    previous_limit = csv.field_size_limit(LONGEST_FIELD)
    try:
        yield
    finally:
        csv.field_size_limit(previous_limit)


def _line(path: Path, row: int) -> int:
    """Line of a data row; finding it costs a second reading, which only a wrong file pays for."""
    with _long_fields(), opened(path, newline="") as file:
        reader = csv.reader(file)
        next(islice(filter(None, reader), row + 1, None), None)
        return reader.line_num


def int_column(
    path: Path, name: str, cells: Sequence[str], minimum: int | None = None, first_row: int = 0
) -> Int64Vector:
    """A column of whole numbers ≥ `minimum`, read strictly; `first_row` is the first cell's row in the file.

    Raises
    ------
    ConfigError
        Naming the line, the row (from 0) and the column of the first cell that is not one.
    """
    rule = "an int" + ("" if minimum is None else f" ≥ {minimum}")
    numbers = _column(path, name, cells, int, np.int64, rule, first_row)
    if minimum is not None and (numbers < minimum).any():
        refuse_cell(path, int((numbers < minimum).argmax()), name, rule, cells, first_row)
    return numbers


def float_column(
    path: Path, name: str, cells: Sequence[str], minimum: float | None = None, first_row: int = 0
) -> Float64Vector:
    """A column of finite numbers ≥ `minimum`, read strictly; as `int_column`."""
    rule = "a finite number" + ("" if minimum is None else f" ≥ {minimum:g}")
    numbers = _column(path, name, cells, float, np.float64, rule, first_row)
    wrong = ~np.isfinite(numbers)
    if minimum is not None:
        wrong |= numbers < minimum
    if wrong.any():
        refuse_cell(path, int(wrong.argmax()), name, rule, cells, first_row)
    return numbers


def refuse_cell(path: Path, at: int, name: str, rule: str, cells: Sequence[str], first_row: int = 0) -> NoReturn:
    """Raise the one error for a wrong cell: `cells[at]`."""
    shown = cells[at] if len(cells[at]) <= 80 else cells[at][:77] + "..."
    row = first_row + at
    raise ConfigError(
        f"{path}, row {row}, column {name!r}: must be {rule}; got {shown!r}. See line {_line(path, row)}."
    )


def _column(
    path: Path,
    name: str,
    cells: Sequence[str],
    read: Callable[[str], object],
    dtype: type,
    rule: str,
    first_row: int,
) -> np.ndarray:
    try:
        if not any("_" in cell for cell in cells):  # Python reads 1_000, files do not mean it
            return np.fromiter(map(read, cells), dtype, len(cells))
    except (ValueError, OverflowError):
        pass
    for at, cell in enumerate(cells):
        try:
            np.array(read(cell), dtype)
            is_wrong = "_" in cell
        except (ValueError, OverflowError):
            is_wrong = True
        if is_wrong:
            refuse_cell(path, at, name, rule, cells, first_row)
    raise ConfigError(f"{path}, column {name!r}: must hold {rule} in every row.")
