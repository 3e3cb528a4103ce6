"""Take requests as they were queued; preempted ones come first.

Wise by default: nobody starves.
"""

from typing import NamedTuple

from blis.engine.views import QueueView, RequestView
from blis.foundation.units import Float64Vector

SORTS = False
USES_PRIORITY = False


class Params(NamedTuple):
    """No parameters."""


def order(view: QueueView, request: RequestView, params: Float64Vector, memory: Float64Vector) -> float:
    """0: never asked."""
    return 0.0
