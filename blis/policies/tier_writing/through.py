"""Write a block to every tier that lacks it as soon as it is full.

Wise where tiers are shared, or instances die or restart: what one has computed others find. Every block takes bandwidth
and room, also those that nobody asks for again.
"""

from typing import NamedTuple

from blis.engine.tier_rules_view import THROUGH, TierChainView
from blis.foundation.units import Float64Vector


class Params(NamedTuple):
    """No parameters."""


def write_as(view: TierChainView, params: Float64Vector, memory: Float64Vector) -> int:
    """Through."""
    return THROUGH
