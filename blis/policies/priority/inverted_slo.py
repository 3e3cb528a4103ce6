"""The longer a request has been under way, the less urgent it is.

A pathological policy: with priority-fcfs the newest request goes first and old ones starve.
"""

from typing import NamedTuple

from blis.engine.views import QueueView, RequestView
from blis.foundation.units import Float64Vector

#: All requests age alike.
ORDER_IS_FIXED = True
#: The order that it turns upside down.
STANDS_FOR = "slo-based"


class Params(NamedTuple):
    """No parameters."""


def prioritise(view: QueueView, request: RequestView, params: Float64Vector, memory: Float64Vector) -> float:
    """Minus one unit per second since the arrival."""
    return -1e-6 * float(view.clock_us - request.arrival_us)
