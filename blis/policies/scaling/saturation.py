"""Add an instance when those that are not full have little room left, remove one when the others can carry its load.

Wise as a guard that needs no model of anything; it moves by one instance at a time, and waits for it to come. An
instance is full by its memory or its queue; room is the mean distance to that of those that are not. Before one is
taken away, the load of each is multiplied by n / (n - 1): after it has gone there must be room as before.

Of the pools that serve a model the cheapest grows and the dearest shrinks.

Source: llm-d's workload-variant-autoscaler, `internal/saturation/analyzer.go`: percentages, with its defaults; the
windows and limits are those of its chart's HPA, through which its number reaches the cluster.
"""

from typing import Annotated, NamedTuple

from blis.engine.fleet_view import FleetView
from blis.engine.pool_readings import cheapest_pool, dearest_pool, has_reported
from blis.engine.stabilising import PLACES_PER_INSTANCE, stabilised
from blis.foundation.units import Float64Vector, Int64Vector
from blis.policies.pacing import MostDownShare, MostUpInstances, MostUpShare, PeriodS, WindowS
from blis.policies.parameters import Bounds


class Params(NamedTuple):
    """When an instance is full, and how much room there should be."""

    kv_threshold: Annotated[float, Bounds(0.01, 1.0, "share of KV blocks in use")] = 0.80
    queue_threshold: Annotated[float, Bounds(0.01, 1e6, "waiting requests")] = 5.0
    kv_spare_trigger: Annotated[float, Bounds(0.0, 1.0, "share of KV blocks")] = 0.10
    queue_spare_trigger: Annotated[float, Bounds(0.0, 1e6, "waiting requests")] = 3.0
    down_window_s: WindowS = 240.0
    up_window_s: WindowS = 240.0
    most_up_share: MostUpShare = 1.0
    most_up_instances: MostUpInstances = 10.0
    most_down_share: MostDownShare = 1.0
    period_s: PeriodS = 150.0


def memory_size(n_instances: int, n_requests: int) -> int:
    """Recommendations of the windows."""
    return PLACES_PER_INSTANCE * n_instances


def scale(view: FleetView, params: Float64Vector, memory: Float64Vector, wanted: Int64Vector) -> None:
    """One more, one fewer, or as many as there are, for each model."""
    for first in range(view.n_pools):
        model, is_first, is_moving, n_open, n_reported = view.model[first], True, False, 0, 0
        for pool in range(first):
            is_first = is_first and view.model[pool] != model
        if not is_first:
            continue
        kv, queue = 0.0, 0.0
        for pool in range(first, view.n_pools):
            if view.model[pool] != model:
                continue
            is_moving = is_moving or view.warm_instances[pool] != wanted[pool]
            for instance in range(view.first_instance[pool], view.end_instance[pool]):
                if not has_reported(view, instance):
                    continue
                n_reported += 1
                used = view.used_blocks[instance] / view.total_blocks[instance]
                if used < params[0] and view.queued_requests[instance] < params[1]:
                    n_open += 1
                    kv += used
                    queue += view.queued_requests[instance]
        if is_moving or n_reported == 0:
            continue
        kv_spare = params[0] - kv / n_open if n_open > 0 else 0.0
        queue_spare = params[1] - queue / n_open if n_open > 0 else 0.0
        if kv_spare < params[2] or queue_spare < params[3]:
            grown = cheapest_pool(view, model, wanted)
            if grown >= 0:
                wanted[grown] += 1
        elif n_open >= 2:
            share = n_open / (n_open - 1.0)
            if params[0] - kv / n_open * share >= params[2] and params[1] - queue / n_open * share >= params[3]:
                shrunk = dearest_pool(view, model, wanted)
                if shrunk >= 0:
                    wanted[shrunk] -= 1
    for pool in range(view.n_pools):
        wanted[pool] = stabilised(view, pool, wanted[pool], params, 4, memory)
