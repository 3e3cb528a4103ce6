"""Keep the instances of which nothing is used up: memory, queue, batch and requests in flight, each below a limit.

Wise as a guard before scorers that weigh: a full instance may score best by its cache. Reports are as old as they are.

Source: llm-d-router 0.9, utilization-filter: a list of conditions with a maxValue each, all of which must hold, and
fallbackOnEmpty, which keeps everybody where nobody is left. An instance at the limit is kept.
"""

from typing import Annotated, NamedTuple

from blis.engine.views import RequestView, RouterView
from blis.foundation.units import Float64Vector, Int64Vector
from blis.policies.parameters import Bounds, OneOf

_ANY_NUMBER = 1e9


class Params(NamedTuple):
    """The most of each, and whether everybody is kept where nobody would be."""

    kv_cache_utilization: Annotated[float, Bounds(0.0, 1.0, "share of KV blocks in use")] = 1.0
    waiting_queue: Annotated[float, Bounds(0.0, _ANY_NUMBER, "waiting requests")] = _ANY_NUMBER
    running_requests: Annotated[float, Bounds(0.0, _ANY_NUMBER, "requests")] = _ANY_NUMBER
    active_requests: Annotated[float, Bounds(0.0, _ANY_NUMBER, "requests in flight")] = _ANY_NUMBER
    fallback_on_empty: Annotated[str, OneOf(("no", "yes"))] = "no"


def keep(view: RouterView, request: RequestView, params: Float64Vector, kept: Int64Vector) -> None:
    """Whoever meets all conditions."""
    n_kept = 0
    for instance in view.candidates:
        meets = (
            view.used_blocks[instance] <= params[0] * view.total_blocks[instance]
            and view.queued_requests[instance] <= params[1]
            and view.running_requests[instance] <= params[2]
            and view.in_flight_requests[instance] <= params[3]
        )
        kept[instance] = 1 if meets else 0
        n_kept += kept[instance]
    if n_kept == 0 and params[4] == 1.0:
        for instance in view.candidates:
            kept[instance] = 1
