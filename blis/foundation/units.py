"""Units and the array types named after them."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

US_PER_S = 1_000_000
US_PER_MS = 1_000

Int64Vector: TypeAlias = NDArray[np.int64]
Int32Vector: TypeAlias = NDArray[np.int32]
Float64Vector: TypeAlias = NDArray[np.float64]
BoolVector: TypeAlias = NDArray[np.bool_]


def frozen(values: Any, dtype: type) -> np.ndarray:
    """`values` as a read-only, C-contiguous array of `dtype`: the form that kernels are compiled for."""
    array: np.ndarray[Any, Any] = np.array(values, dtype=dtype, order="C")
    array.setflags(write=False)
    return array


def contiguous(array: Any, dtype: type = np.int64) -> np.ndarray:
    """The array as kernels read it: the same one, where it is C-contiguous and of that type already."""
    return np.ascontiguousarray(array, dtype)
