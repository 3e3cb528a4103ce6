"""Evict from each tier by a rule of its own.

Wise where a small near tier sees every scan, and a large one further away hardly ever evicts.
"""

from typing import Annotated, NamedTuple

from blis.engine.tier_rules_view import ARC, LRU, TierView
from blis.foundation.units import Float64Vector
from blis.policies.parameters import Bounds


class Params(NamedTuple):
    """Of each tier, the nearest first: 1 evicts as ARC does, 0 what was least recently used."""

    tier_1: Annotated[float, Bounds(0.0, 1.0)] = 1.0
    tier_2: Annotated[float, Bounds(0.0, 1.0)] = 0.0
    tier_3: Annotated[float, Bounds(0.0, 1.0)] = 0.0
    tier_4: Annotated[float, Bounds(0.0, 1.0)] = 0.0


def evict_as(view: TierView, params: Float64Vector, memory: Float64Vector) -> int:
    """ARC where its number is 1/2 at least."""
    return ARC if params[view.tier] >= 0.5 else LRU
