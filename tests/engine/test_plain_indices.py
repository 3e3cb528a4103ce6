"""Kernels count from the beginning of an array alone; functions of other people count as Python does."""

import numba
import numpy as np
import pytest
from numba import types

from blis.engine._jit import compiled

VECTOR = types.int64[::1]

pytestmark = pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="this is about machine code")


def _at(values: np.ndarray, place: int) -> int:
    return int(values[place])


def test_a_kernel_reads_what_lies_before_an_array() -> None:
    whole = np.array([7, 8, 9])
    kernel = compiled(types.int64(VECTOR, types.int64), _at)
    assert kernel(whole[1:], 0) == 8
    if not numba.config.BOUNDSCHECK:
        assert kernel(whole[1:], -1) == 7


def test_whatever_is_compiled_later_counts_from_the_end_again() -> None:
    compiled(types.int64(VECTOR, types.int64), _at)
    assert numba.njit(types.int64(VECTOR, types.int64))(_at)(np.array([7, 8, 9]), -1) == 9


def test_bounds_are_checked_on_both_sides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numba.config, "BOUNDSCHECK", 1)
    kernel = compiled(types.int64(VECTOR, types.int64), lambda values, place: values[place])
    for place in (-1, 3):
        with pytest.raises(IndexError):
            kernel(np.array([7, 8, 9]), place)
