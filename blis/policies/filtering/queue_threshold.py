"""Keep the instances with a short wait queue; everybody, where all queues are long.

Wise before scorers of caches: a prefix is not worth a long wait.

Source: llm-d-router 0.9, utilization-filter with the one condition waiting-queue and fallbackOnEmpty; the default is
what its utilization-detector calls full (queueDepthThreshold).
"""

from typing import Annotated, NamedTuple

from blis.engine.views import RequestView, RouterView
from blis.foundation.units import Float64Vector, Int64Vector
from blis.policies.parameters import Bounds


class Params(NamedTuple):
    """How many may wait."""

    most_waiting: Annotated[float, Bounds(0.0, 1e9, "waiting requests")] = 5.0


def keep(view: RouterView, request: RequestView, params: Float64Vector, kept: Int64Vector) -> None:
    """Whoever has no more in its queue, if anybody."""
    is_anybody_left = False
    for instance in view.candidates:
        is_anybody_left = is_anybody_left or view.queued_requests[instance] <= params[0]
    if is_anybody_left:
        for instance in view.candidates:
            kept[instance] = 1 if view.queued_requests[instance] <= params[0] else 0
