"""A grid of 2**k knots per octave, and linear interpolation on it at O(1).

The bits of a float64 are the place on such a grid already: exponent and leading mantissa bits number the knot
below, the other mantissa bits are the way to the next one. So nothing is searched, and nothing is computed but
one shift and one mask.
"""

import numpy as np

from blis.engine._jit import kernel
from blis.foundation.units import Float64Vector

_MANTISSA_BITS = 52
_EXPONENT_OF_ONE = 1023


def knots(octaves: int, bits: int) -> Float64Vector:
    """The knots from 1 to 2**octaves, 2**bits in each octave: float64 (octaves · 2**bits + 1,)."""
    per_octave = 2**bits
    place = np.arange(octaves * per_octave + 1)
    return np.asarray(2.0 ** (place // per_octave) * (1 + (place % per_octave) / per_octave), np.float64)


@kernel
def place_on(value: float, last: int, bits: int) -> tuple[int, float]:
    """Number of the knot below a value, and the share of the way from it to the next one.

    Below 1 the first knot counts. Beyond the last one the last piece goes on: its share exceeds 1.
    """
    at = np.float64(max(value, 1.0))
    shift = _MANTISSA_BITS - bits
    word = at.view(np.int64)
    below: int = (word >> shift) - (_EXPONENT_OF_ONE << bits)  # type: ignore[assignment]
    if below < last:
        return below, (word & ((1 << shift) - 1)) / float(1 << shift)
    width = 2.0 ** ((last - 1) >> bits) / (1 << bits)
    return last - 1, (at - 2.0 ** (last >> bits)) / width + 1.0


@kernel
def knot_at(place: int, bits: int) -> float:
    """The knot of that number."""
    return 2.0 ** (place >> bits) * (1.0 + (place & ((1 << bits) - 1)) / (1 << bits))


@kernel
def along(table: Float64Vector, start: int, last: int, bits: int, value: float) -> float:
    """Value of the curve whose knots stand in `table` from `start` on."""
    below, share = place_on(value, last, bits)
    first = table[start + below]
    price: float = first + share * (table[start + below + 1] - first)
    return price


@kernel
def across(table: Float64Vector, start: int, last: int, other: int, bits: int, value: float, second: float) -> float:
    """Value of the surface whose rows, one for each knot of `value`, stand in `table` from `start` on."""
    row, share = place_on(value, last, bits)
    column, part = place_on(second, other, bits)
    at = start + row * (other + 1) + column
    above = at + other + 1
    low = table[at] + part * (table[at + 1] - table[at])
    price: float = low + share * (table[above] + part * (table[above + 1] - table[above]) - low)
    return price


@kernel
def slope_across(
    table: Float64Vector, start: int, last: int, other: int, bits: int, value: float, second: float
) -> tuple[float, float]:
    """How steep the surface of `across` is along its second axis, and up to where there."""
    if second < 1.0:
        return 0.0, 1.0
    row, share = place_on(value, last, bits)
    column, _ = place_on(second, other, bits)
    at = start + row * (other + 1) + column
    above = at + other + 1
    knot, end = knot_at(column, bits), knot_at(column + 1, bits)
    low, high = table[at + 1] - table[at], table[above + 1] - table[above]
    slope: float = (low + share * (high - low)) / (end - knot)
    return slope, end if column + 1 < other else np.inf
