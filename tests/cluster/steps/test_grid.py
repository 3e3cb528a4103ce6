"""The grid of knots: which piece a value lies on, and what is read there."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blis.cluster.steps.grid import across, along, knots, place_on

OCTAVES, BITS = 6, 2
LAST = OCTAVES << BITS


def test_knots_divide_octaves_evenly() -> None:
    assert knots(2, 2).tolist() == [1, 1.25, 1.5, 1.75, 2, 2.5, 3, 3.5, 4]


@settings(deadline=None)
@given(st.floats(1, 2**OCTAVES, exclude_max=True))
def test_a_value_lies_between_its_knot_and_the_next(value: float) -> None:
    axis = knots(OCTAVES, BITS)
    below, share = place_on(value, LAST, BITS)
    assert axis[below] <= value < axis[below + 1]
    assert axis[below] + share * (axis[below + 1] - axis[below]) == pytest.approx(value, rel=1e-12)


@settings(deadline=None)
@given(st.floats(0, 2.0**20))
def test_a_straight_line_is_read_exactly_and_goes_on_beyond_the_last_knot(value: float) -> None:
    table = np.concatenate([[7.0, 7.0], 3 * knots(OCTAVES, BITS) + 5])
    assert along(table, 2, LAST, BITS, value) == pytest.approx(3 * max(value, 1.0) + 5)


@settings(deadline=None)
@given(st.floats(1, 2.0**9), st.floats(1, 2.0**9))
def test_a_bilinear_surface_is_read_exactly(value: float, second: float) -> None:
    axis, other = knots(OCTAVES, BITS), knots(4, BITS)
    table = np.concatenate([[0.0], (2 * axis[:, None] + 3 * other + axis[:, None] * other).ravel()])
    assert across(table, 1, LAST, 4 << BITS, BITS, value, second) == pytest.approx(
        2 * value + 3 * second + value * second
    )
