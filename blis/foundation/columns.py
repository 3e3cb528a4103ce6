"""Columns of tables, made of arrays and lists whose kind is known.

`pyarrow.array` asks of whatever it is given whether it is pandas', and imports pandas for the question wherever that is
installed: a fifth of a second, more than a run simulates. Nothing here asks.
"""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np

from blis.foundation.units import BoolVector

if TYPE_CHECKING:
    import pyarrow


def table_of(columns: Mapping[str, Any]) -> "pyarrow.Table":
    """A table of columns, each one of those below or an array of numbers without nulls."""
    import pyarrow as pa

    return pa.table({name: numbers(one) if isinstance(one, np.ndarray) else one for name, one in columns.items()})


def numbers(values: np.ndarray, missing: BoolVector | None = None) -> "pyarrow.Array":
    """A column of numbers or truth values.

    Parameters
    ----------
    values : (n,)
    missing : bool (n,), optional
        Which rows are null.
    """
    import pyarrow as pa

    if values.dtype == np.bool_:
        kind, content = pa.bool_(), _bits(values)
    else:
        kind, content = pa.from_numpy_dtype(values.dtype), pa.py_buffer(np.ascontiguousarray(values))
    present = None if missing is None else _bits(~missing)
    return pa.Array.from_buffers(kind, len(values), [present, content])


def texts(values: Sequence[str | None]) -> "pyarrow.Array":
    """A column of texts; None is null."""
    import pyarrow as pa

    written = [b"" if value is None else value.encode() for value in values]
    ends = np.fromiter(accumulate(map(len, written), initial=0), np.int32, len(written) + 1)
    present = _bits(np.array([value is not None for value in values], np.bool_)) if None in values else None
    return pa.Array.from_buffers(
        pa.string(), len(written), [present, pa.py_buffer(ends), pa.py_buffer(b"".join(written))]
    )


def names(places: np.ndarray, known: Sequence[str]) -> "pyarrow.Array":
    """A column of texts that repeat, each by its place among the known ones; a negative place is null."""
    import pyarrow as pa

    return pa.DictionaryArray.from_arrays(numbers(places.astype(np.int32), places < 0), texts(known))


def scalars(values: Sequence[Any]) -> "pyarrow.Array":
    """A column of plain values of one kind: texts, whole numbers, or numbers with fractions; None is null."""
    given = [value for value in values if value is not None]
    if given and isinstance(given[0], str):
        return texts(values)
    is_whole = bool(given) and all(isinstance(value, int) for value in given)
    filled = np.array([0 if value is None else value for value in values], np.int64 if is_whole else np.float64)
    return numbers(filled, np.array([value is None for value in values]))


def _bits(flags: BoolVector) -> "pyarrow.Buffer":
    """Eight flags a byte, the first in the lowest bit."""
    import pyarrow as pa

    return pa.py_buffer(np.packbits(flags, bitorder="little"))
