"""Take the shortest prompt first.

Wise when short requests wait behind long ones; output lengths are unknown to it, and long prompts can starve.
"""

from typing import NamedTuple

from blis.engine.views import QueueView, RequestView
from blis.foundation.units import Float64Vector

SORTS = True
USES_PRIORITY = False


class Params(NamedTuple):
    """No parameters."""


def order(view: QueueView, request: RequestView, params: Float64Vector, memory: Float64Vector) -> float:
    """Tokens of the whole prompt."""
    return float(request.input_tokens)
