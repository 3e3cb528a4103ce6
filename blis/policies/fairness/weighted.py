"""Requests in proportion to the tenants' weights.

Each tenant has a virtual time, which a request of it advances by one over its weight; the least goes next. Who comes
back after nobody of it waited starts where the others are. Wise where tenants have bought different shares. Of the
first eight tenants, in the order in which the workload numbers them, each has its own weight, all others share one.

Source: stride scheduling (Waldspurger and Weihl, "Stride scheduling: deterministic proportional-share resource
management", 1995), of requests.
"""

from typing import Annotated, NamedTuple

from blis.engine.views import FlowsView
from blis.foundation.units import Float64Vector
from blis.policies.parameters import Bounds

MEMORY_PER_TENANT = 2
_WEIGHED = 8


class Params(NamedTuple):
    """Shares of requests."""

    tenant_0: Annotated[float, Bounds(0.001, 1000.0, "share")] = 1.0
    tenant_1: Annotated[float, Bounds(0.001, 1000.0, "share")] = 1.0
    tenant_2: Annotated[float, Bounds(0.001, 1000.0, "share")] = 1.0
    tenant_3: Annotated[float, Bounds(0.001, 1000.0, "share")] = 1.0
    tenant_4: Annotated[float, Bounds(0.001, 1000.0, "share")] = 1.0
    tenant_5: Annotated[float, Bounds(0.001, 1000.0, "share")] = 1.0
    tenant_6: Annotated[float, Bounds(0.001, 1000.0, "share")] = 1.0
    tenant_7: Annotated[float, Bounds(0.001, 1000.0, "share")] = 1.0
    others: Annotated[float, Bounds(0.001, 1000.0, "share")] = 1.0


def choose(view: FlowsView, params: Float64Vector, memory: Float64Vector) -> int:
    """The tenant of the least virtual time; of equals the lowest number."""
    # Two numbers of each tenant: its virtual time, and one more than since when it was waiting when last asked about.
    longest, least = 0, -1.0
    for flow in range(view.n_flows):
        place = 2 * int(view.tenant[flow])
        if memory[place + 1] == view.active_since_us[flow] + 1.0 and (least < 0.0 or memory[place] < least):
            least = memory[place]
        if view.active_since_us[flow] < view.active_since_us[longest]:
            longest = flow
    if least < 0.0:  # all are new: the first of them finds nobody to start beside
        least = memory[2 * int(view.tenant[longest])]
    best, best_time = 0, 0.0
    for flow in range(view.n_flows):
        place = 2 * int(view.tenant[flow])
        if memory[place + 1] != view.active_since_us[flow] + 1.0:
            memory[place] = max(memory[place], least)
            memory[place + 1] = view.active_since_us[flow] + 1.0
        time = memory[place]
        if flow == 0 or time < best_time or (time == best_time and view.tenant[flow] < view.tenant[best]):
            best, best_time = flow, time
    tenant = int(view.tenant[best])
    memory[2 * tenant] += 1.0 / params[min(tenant, _WEIGHED)]
    return best
