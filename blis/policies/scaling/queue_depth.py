"""Have so many instances that each has so many requests: KEDA, or HPA, on a metric with an average value as its target.

Wise where requests are alike, since a count is known at once and needs no threshold of memory; blind to how long they
are. llm-d's guide scales on running requests, 16 to an instance, with these windows and limits.

Source: HPA's rule for an AverageValue, ceil(sum / target), and llm-d's workload-autoscaling guide (KEDA).
"""

import math
from typing import Annotated, NamedTuple

from blis.engine.fleet_view import FleetView
from blis.engine.pool_readings import n_reporting, reported_sum
from blis.engine.stabilising import PLACES_PER_INSTANCE, stabilised
from blis.foundation.units import Float64Vector, Int64Vector
from blis.policies.pacing import MostDownShare, MostUpInstances, MostUpShare, PeriodS, WindowS
from blis.policies.parameters import Bounds


class Params(NamedTuple):
    """What is counted, how many each should have, and how quickly it is followed."""

    running_weight: Annotated[float, Bounds(0.0, 100.0, "of a running request")] = 1.0
    waiting_weight: Annotated[float, Bounds(0.0, 100.0, "of a waiting request")] = 1.0
    target_requests: Annotated[float, Bounds(0.01, 1e6, "requests per instance")] = 16.0
    tolerance: Annotated[float, Bounds(0.0, 10.0, "share of the target")] = 0.1
    down_window_s: WindowS = 300.0
    up_window_s: WindowS = 0.0
    most_up_share: MostUpShare = 1.0
    most_up_instances: MostUpInstances = 4.0
    most_down_share: MostDownShare = 1.0
    period_s: PeriodS = 15.0


def memory_size(n_instances: int, n_requests: int) -> int:
    """Recommendations of the windows."""
    return PLACES_PER_INSTANCE * n_instances


def scale(view: FleetView, params: Float64Vector, memory: Float64Vector, wanted: Int64Vector) -> None:
    """Weighted requests over the target, rounded up, unless each instance has nearly so many."""
    for pool in range(view.n_pools):
        current = view.wanted_instances[pool]
        requests = params[0] * reported_sum(view, pool, view.running_requests)
        requests += params[1] * reported_sum(view, pool, view.queued_requests)
        recommended = current
        if n_reporting(view, pool) > 0 and abs(requests / (params[2] * max(1, current)) - 1.0) > params[3]:
            recommended = math.ceil(min(requests / params[2], 1e6) - 1e-9)
        wanted[pool] = stabilised(view, pool, recommended, params, 4, memory)
