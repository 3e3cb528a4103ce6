"""CSV files read strictly: a header whose names differ, rows of its width, and columns of bounded numbers."""

import csv
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import NamedTuple, NoReturn

import numpy as np

from blis.foundation.checks import nearest
from blis.foundation.errors import ConfigError
from blis.foundation.files import opened
from blis.foundation.units import Float64Vector, Int64Vector
from blis.foundation.words import listed, shown

PIECE_ROWS = 1000
#: Recorded times, since whatever origin, end here: year 5138. Later ones are slips of the unit.
LATEST_US = 10**17
LONGEST_FIELD = 2**31 - 1  #: characters; a row may hold a whole prompt


class CsvPiece(NamedTuple):
    """Some rows of a CSV file."""

    first_row: int  #: number of its first row in the file, from 0
    columns: list[tuple[str, ...]]  #: cells, in the order of the header


def read_csv(path: Path, required: Sequence[str] = ()) -> tuple[list[str], list[list[str]]]:
    """Header and columns of a CSV file, which has those that are required; blank lines are passed over.

    Raises
    ------
    ConfigError
        If it has no data rows, or a row has not as many columns as the header.
    """
    header, pieces = csv_pieces(path, required)
    columns: list[list[str]] = [[] for _ in header]
    for piece in pieces:
        for column, cells in zip(columns, piece.columns, strict=True):
            column.extend(cells)
    return header, columns


def csv_pieces(
    path: Path, required: Sequence[str] = (), n_rows: int = PIECE_ROWS
) -> tuple[list[str], Iterator[CsvPiece]]:
    """Header of a CSV file, and its rows piece by piece: a file of any length needs little memory.

    Raises
    ------
    ConfigError
        If a column is missing, or two have one name; about rows, when their piece is taken.
    """
    rows = _rows(path)
    header = [name.strip() for name in next(rows, ())]
    for name in required:
        if header and name not in header:
            raise ConfigError(f"{path} must have a column {name!r}{nearest(name, header)} Columns: {listed(header)}.")
    for position, name in enumerate(header):
        if name and name in header[:position]:
            raise ConfigError(
                f"{path} must have one column {shown(name)}; columns {header.index(name)} and {position} have the name."
            )
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
    path: Path,
    name: str,
    cells: Sequence[str],
    minimum: int | None = None,
    first_row: int = 0,
    maximum: int | None = None,
) -> Int64Vector:
    """A column of whole numbers in [minimum, maximum], read strictly; `first_row` is the first cell's row in the file.

    Raises
    ------
    ConfigError
        Naming the line, the row (from 0) and the column of the first cell that is not one.
    """
    column = _Column(path, name, cells, first_row, "an int", minimum, maximum)
    return column.bounded(column.read(int, np.int64))


def float_column(
    path: Path,
    name: str,
    cells: Sequence[str],
    minimum: float | None = None,
    first_row: int = 0,
    maximum: float | None = None,
) -> Float64Vector:
    """A column of finite numbers in [minimum, maximum], read strictly; as `int_column`."""
    column = _Column(path, name, cells, first_row, "a finite number", minimum, maximum)
    numbers = column.read(float, np.float64)
    if not np.isfinite(numbers).all():
        column.refuse(int((~np.isfinite(numbers)).argmax()))
    return column.bounded(numbers)


def refuse_cell(path: Path, at: int, name: str, rule: str, cells: Sequence[str], first_row: int = 0) -> NoReturn:
    """Raise the one error for a wrong cell: `cells[at]`."""
    row = first_row + at
    raise ConfigError(
        f"{path}, row {row}, column {name!r}: must be {rule}; got {shown(cells[at])}. See line {_line(path, row)}."
    )


class _Column(NamedTuple):
    """Cells, and what must hold for each."""

    path: Path
    name: str
    cells: Sequence[str]
    first_row: int
    kind: str  #: an int, a finite number
    minimum: float | None
    maximum: float | None

    def refuse(self, at: int, too_large: bool = False) -> NoReturn:
        """Raise the error for the cell `at`, in the words of the bound that it misses."""
        rule = self.kind if self.minimum is None else f"{self.kind} ≥ {self.minimum:g}"
        if too_large and self.maximum is not None:
            rule = f"{self.kind} ≤ {self.maximum:.16g}"
        refuse_cell(self.path, at, self.name, rule, self.cells, self.first_row)

    def read(self, read: Callable[[str], float], dtype: type) -> np.ndarray:
        """The cells as numbers."""
        try:
            if not any("_" in cell for cell in self.cells):  # Python reads 1_000, files do not mean it
                return np.fromiter(map(read, self.cells), dtype, len(self.cells))
        except (ValueError, OverflowError):
            pass
        for at, cell in enumerate(self.cells):
            try:
                np.array(read(cell), dtype)
                is_wrong = "_" in cell
            except ValueError:
                is_wrong = True
            except OverflowError:
                self.refuse(at, too_large=not cell.strip().startswith("-"))
            if is_wrong:
                self.refuse(at)
        raise ConfigError(f"{self.path}, column {self.name!r}: must hold {self.kind} in every row.")

    def bounded(self, numbers: np.ndarray) -> np.ndarray:
        """The numbers, of which none is out of bounds."""
        for bound, is_wrong in ((self.minimum, np.less), (self.maximum, np.greater)):
            if bound is not None and (wrong := is_wrong(numbers, bound)).any():
                self.refuse(int(wrong.argmax()), too_large=is_wrong is np.greater)
        return numbers
