"""Kernels that index arrays as C does: from 0 on, and never from the end.

numba lets every signed index count from the end where it is negative, which costs three instructions at each access,
and keeps loops from being vectorised: a sixth of a run's time. No kernel here needs it. A negative index is a mistake,
which the tests find by `NUMBA_BOUNDSCHECK=1`, for which numba has a check of its own.

numba has no flag for it, so the function that it generates an index with is exchanged for as long as a kernel is being
compiled. Other people's functions, policies given as callables among them, are compiled outside and stay as they are.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from numba.core import types
from numba.core.compiler_lock import global_compiler_lock
from numba.np import arrayobj


@contextmanager
def plain_indices() -> Iterator[None]:
    """Within, whatever is compiled reads a negative index as an address before the array."""
    with global_compiler_lock:
        with_wraparound = arrayobj.fix_integer_index
        arrayobj.fix_integer_index = _plain_index
        try:
            yield
        finally:
            arrayobj.fix_integer_index = with_wraparound


def _plain_index(context: Any, builder: Any, index_type: Any, index: Any, size: Any) -> Any:
    """The index as a machine word."""
    return context.cast(builder, index, index_type, types.intp if index_type.signed else types.uintp)
