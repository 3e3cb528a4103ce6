"""Add and remove instances so that their mean utilisation comes to a target: Kubernetes' HPA.

Wise as the plain rule that every cluster has; it sees load only once it is there, and what loads takes minutes to help.
Of instances without a reading, those that load, it takes the cautious view: idle where it would add, on target where it
would remove; where that turns the direction round, or leaves the tolerance, nothing changes.

Source: Kubernetes, `pkg/controller/podautoscaler/replica_calculator.go`, defaults of `behavior` included.
"""

import math
from typing import Annotated, NamedTuple

from blis.engine.fleet_view import FleetView
from blis.engine.pool_readings import n_reporting, reported_sum
from blis.engine.stabilising import PLACES_PER_INSTANCE, stabilised
from blis.foundation.units import Float64Vector, Int64Vector
from blis.policies.parameters import Bounds, OneOf


class Params(NamedTuple):
    """What is measured, what it should be, and how quickly it is followed."""

    metric: Annotated[str, OneOf(("kv", "requests"))] = (
        "kv"  # blocks in use of all; waiting and running of the largest batch
    )
    target: Annotated[float, Bounds(0.001, 100.0, "utilisation")] = 0.6
    tolerance: Annotated[float, Bounds(0.0, 10.0, "share of the target")] = 0.1
    down_window_s: Annotated[float, Bounds(0.0, 86_400.0, "s")] = 300.0
    up_window_s: Annotated[float, Bounds(0.0, 86_400.0, "s")] = 0.0
    most_up_share: Annotated[float, Bounds(0.0, 1000.0, "share of the instances, per period")] = 1.0
    most_up_instances: Annotated[float, Bounds(0.0, 100_000.0, "instances per period")] = 4.0
    most_down_share: Annotated[float, Bounds(0.0, 1.0, "share of the instances, per period")] = 1.0
    period_s: Annotated[float, Bounds(0.0, 86_400.0, "s")] = 15.0


def memory_size(n_instances: int, n_requests: int) -> int:
    """Recommendations of the windows."""
    return PLACES_PER_INSTANCE * n_instances


def scale(view: FleetView, params: Float64Vector, memory: Float64Vector, wanted: Int64Vector) -> None:
    """Instances times utilisation over target, rounded up, unless it is near enough."""
    for pool in range(view.n_pools):
        reporting, current = n_reporting(view, pool), view.wanted_instances[pool]
        recommended = current
        if reporting > 0:
            if params[0] == 0.0:
                used = reported_sum(view, pool, view.used_blocks) / reported_sum(view, pool, view.total_blocks)
            else:
                requests = reported_sum(view, pool, view.queued_requests)
                requests += reported_sum(view, pool, view.running_requests)
                used = requests / (reporting * view.max_running_requests[pool])
            ratio = used / params[1]
            if abs(ratio - 1.0) > params[2]:
                unknown = max(0, current - reporting)
                corrected = (ratio * reporting + (0.0 if ratio > 1.0 else 1.0) * unknown) / (reporting + unknown)
                if abs(corrected - 1.0) > params[2] and (corrected > 1.0) == (ratio > 1.0):
                    recommended = math.ceil(corrected * (reporting + unknown) - 1e-9)
        wanted[pool] = stabilised(view, pool, recommended, params, 3, memory)
