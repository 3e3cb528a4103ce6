"""Add and remove instances so that their mean utilisation comes to a target: Kubernetes' HPA.

Wise as the plain rule that every cluster has; it sees load only once it is there, and what loads takes minutes to help.
There are two metrics, of which the one that asks for more counts; a target of 1000 leaves one out.
Of instances without a reading, those that load, it takes the cautious view: idle where it would add, on target where it
would remove; where that turns the direction round, or leaves the tolerance, nothing changes.

Source: Kubernetes, `pkg/controller/podautoscaler/replica_calculator.go`, defaults of `behavior` included.
"""

from typing import Annotated, NamedTuple

from blis.engine.fleet_view import FleetView
from blis.engine.pool_readings import n_reporting, reported_sum
from blis.engine.stabilising import PLACES_PER_INSTANCE, recommended_instances, stabilised
from blis.foundation.units import Float64Vector, Int64Vector
from blis.policies.pacing import MostDownShare, MostUpInstances, MostUpShare, PeriodS, WindowS
from blis.policies.parameters import Bounds


class Params(NamedTuple):
    """What is measured, what it should be, and how quickly it is followed."""

    kv_target: Annotated[float, Bounds(0.001, 1000.0, "share of KV blocks in use")] = 0.6
    requests_target: Annotated[float, Bounds(0.001, 1000.0, "waiting and running, share of the largest batch")] = 0.6
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
    """Instances times utilisation over target, rounded up, by the metric that asks for more."""
    for pool in range(view.n_pools):
        reporting, current = n_reporting(view, pool), view.wanted_instances[pool]
        recommended = current
        if reporting > 0:
            kv = reported_sum(view, pool, view.used_blocks) / reported_sum(view, pool, view.total_blocks)
            requests = reported_sum(view, pool, view.queued_requests) + reported_sum(view, pool, view.running_requests)
            share = requests / (reporting * view.max_running_requests[pool])
            by_kv = recommended_instances(reporting, current, kv / params[0], params[2])
            by_requests = recommended_instances(reporting, current, share / params[1], params[2])
            recommended = max(by_kv, by_requests)
        wanted[pool] = stabilised(view, pool, recommended, params, 3, memory)
