"""The longer a request has been under way, the more urgent it is.

The published policy of this name looks at age alone, not at the SLO class; with priority-fcfs it is FCFS by
arrival. For classes use `slo-class`.
"""

from typing import NamedTuple

from blis.engine.views import QueueView, RequestView
from blis.foundation.units import Float64Vector

#: All requests age alike.
ORDER_IS_FIXED = True


class Params(NamedTuple):
    """No parameters."""


def prioritise(view: QueueView, request: RequestView, params: Float64Vector, memory: Float64Vector) -> float:
    """One unit per second since the arrival."""
    return 1e-6 * float(view.clock_us - request.arrival_us)
