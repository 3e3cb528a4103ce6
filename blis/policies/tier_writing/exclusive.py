"""Write back, and let a block lie on the GPU or in one of its instance's own tiers, never in two.

Wise where tiers are hardly larger than the GPU's memory: together they hold more. What comes back to the GPU must be
written once more when it leaves. A shared tier keeps what is read from it.
"""

from typing import NamedTuple

from blis.engine.tier_rules_view import EXCLUSIVE, TierChainView
from blis.foundation.units import Float64Vector


class Params(NamedTuple):
    """No parameters."""


def write_as(view: TierChainView, params: Float64Vector, memory: Float64Vector) -> int:
    """Back, in one place at a time."""
    return EXCLUSIVE
