"""Write the blocks of prompts to every tier that lacks them as soon as they are full, and none of what requests write.

Wise where prompts are shared and answers are not followed up: they would only push out what is asked for again.
"""

from typing import NamedTuple

from blis.engine.tier_rules_view import PROMPTS_THROUGH, TierChainView
from blis.foundation.units import Float64Vector


class Params(NamedTuple):
    """No parameters."""


def write_as(view: TierChainView, params: Float64Vector, memory: Float64Vector) -> int:
    """Through, of prompts."""
    return PROMPTS_THROUGH
