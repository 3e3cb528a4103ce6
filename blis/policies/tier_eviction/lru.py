"""Evict what has not been used for the longest time, in all tiers.

Wise where what comes back comes back soon.
"""

from typing import NamedTuple

from blis.engine.tier_rules_view import LRU, TierView
from blis.foundation.units import Float64Vector


class Params(NamedTuple):
    """No parameters."""


def evict_as(view: TierView, params: Float64Vector, memory: Float64Vector) -> int:
    """Least recently used."""
    return LRU
