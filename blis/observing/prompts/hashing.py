"""Numbers that follow from where they stand: the same place has the same content whoever asks, and in whatever order.

The finaliser of SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014), applied to
a counter.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)


def hashed(salt: int, place: NDArray[Any], offset: NDArray[Any]) -> NDArray[np.uint64]:
    """Numbers of 64 bits for pairs of a place and an offset within it, which broadcast."""
    mixed = _mix(np.asarray(place).astype(np.uint64) * _STEP + np.uint64(salt % 2**64))
    return _mix(mixed + np.asarray(offset).astype(np.uint64) * _STEP)


def _mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    values = (values ^ (values >> np.uint64(30))) * _FIRST
    values = (values ^ (values >> np.uint64(27))) * _SECOND
    mixed: NDArray[np.uint64] = values ^ (values >> np.uint64(31))
    return mixed
