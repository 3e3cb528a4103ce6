"""Evict as ARC does in all tiers: what was used once and what was used again have shares that follow what is missed.

Wise where scans of what nobody asks for again would flush what many ask for. vLLM's offloading has it for host memory.
"""

from typing import NamedTuple

from blis.engine.tier_rules_view import ARC, TierView
from blis.foundation.units import Float64Vector


class Params(NamedTuple):
    """No parameters."""


def evict_as(view: TierView, params: Float64Vector, memory: Float64Vector) -> int:
    """ARC."""
    return ARC
