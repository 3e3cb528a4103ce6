"""The sooner a request's first token is due, the more urgent it is: earliest deadline first.

A request is due its class's TTFT target after its arrival; a class that is promised no TTFT its E2E target; one that is
promised neither comes last, in the order of arrival. Wise as long as everybody can be served in time: then nobody is
late who need not be. Under overload it serves those that are lost already and makes the next ones late as well.

Source: Liu and Layland, "Scheduling algorithms for multiprogramming" (1973); key and targets as llm-d's
`slo-deadline-ordering-policy`. Deadlines of later tokens do not count: whoever has begun is served in every step.
"""

from typing import Annotated, NamedTuple

from blis.engine.views import QueueView, RequestView
from blis.foundation.units import Float64Vector
from blis.policies.parameters import Bounds

ORDER_IS_FIXED = True


class Params(NamedTuple):
    """What each class's target is multiplied by, in the order of `blis.foundation.slo.CLASSES`."""

    unnamed: Annotated[float, Bounds(0.0, 1000.0, "times its target")] = 1.0
    critical: Annotated[float, Bounds(0.0, 1000.0, "times its target")] = 1.0
    realtime: Annotated[float, Bounds(0.0, 1000.0, "times its target")] = 1.0
    standard: Annotated[float, Bounds(0.0, 1000.0, "times its target")] = 1.0
    interactive: Annotated[float, Bounds(0.0, 1000.0, "times its target")] = 1.0
    batch: Annotated[float, Bounds(0.0, 1000.0, "times its target")] = 1.0
    sheddable: Annotated[float, Bounds(0.0, 1000.0, "times its target")] = 1.0
    background: Annotated[float, Bounds(0.0, 1000.0, "times its target")] = 1.0


def prioritise(view: QueueView, request: RequestView, params: Float64Vector, memory: Float64Vector) -> float:
    """Minus the deadline [µs]."""
    return -(request.arrival_us + params[request.slo_class] * request.ttft_target_us)
