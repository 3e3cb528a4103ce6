"""Take the most urgent request first.

Wise with a priority that means something; with age as priority it is FCFS by arrival.
"""

from typing import NamedTuple

from blis.engine.views import QueueView, RequestView
from blis.foundation.units import Float64Vector

SORTS = True
USES_PRIORITY = True
TAKES_URGENT_FIRST = True


class Params(NamedTuple):
    """No parameters."""


def order(view: QueueView, request: RequestView, params: Float64Vector, memory: Float64Vector) -> float:
    """Minus the priority."""
    return -request.priority
