"""Helpers become part of a kernel, and can be called by Python all the same."""

import numba
import numpy as np
import pytest
from numba.core.compiler import Flags

from blis.engine import parts
from blis.engine._jit import compiled, kernel

pytestmark = pytest.mark.skipif(numba.config.DISABLE_JIT, reason="there is nothing to be part of")

WHOLE = numba.types.int64


def test_a_helper_that_is_part_of_a_kernel_can_be_called_by_python():
    @kernel
    def doubled(value):
        return 2 * value

    def apply(value):
        return doubled(value) + 1

    assert compiled(WHOLE(WHOLE), apply)(20) == 41
    assert doubled(20) == 40
    assert doubled(1.5) == 3.0


def test_a_helper_that_python_has_called_becomes_part_of_a_kernel():
    @kernel
    def doubled(value):
        return 2 * value

    def apply(value):
        return doubled(value) + 1

    assert doubled(20) == 40
    assert compiled(WHOLE(WHOLE), apply)(20) == 41


def test_what_is_called_where_nobody_comes_is_there_for_others():
    @kernel
    def last(value):
        return value + 1

    @kernel
    def never(value):
        return last(value)

    @kernel
    def first(value):
        if value != value:
            return never(value)
        return value

    @kernel
    def second(value):
        return last(value)

    def apply(value):
        return first(value) + second(value)

    assert compiled(WHOLE(WHOLE), apply)(5) == 11


def test_two_kernels_share_a_helper_and_what_it_calls():
    @kernel
    def inner(values):
        return values.sum()

    @kernel
    def outer(values):
        return inner(values) + np.searchsorted(values, 2)

    def once(values):
        return outer(values)

    def twice(values):
        return 2 * outer(values)

    values = np.array([1, 2, 3])
    signature = WHOLE(numba.typeof(values))
    assert (compiled(signature, once)(values), compiled(signature, twice)(values)) == (7, 14)


def test_a_user_s_own_function_may_call_a_helper():
    @kernel
    def inner(value):
        return value + 1

    @kernel
    def outer(value):
        return inner(value) * 2

    def apply(value):
        return outer(value)

    assert compiled(WHOLE(WHOLE), apply)(1) == 4

    @numba.njit
    def own(value):
        return outer(value) + inner(value)

    assert own(1) == 6


def test_flags_are_compared_as_numba_compares_them():
    flags = Flags()
    flags.release_gil = True
    quick = Flags(flags)
    quick.__class__ = parts._Flags

    assert quick.values() == flags.values()
    assert (quick, hash(quick)) == (flags, hash(flags))
