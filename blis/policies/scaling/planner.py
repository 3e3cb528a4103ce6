"""Plan the instances of the next interval from the rate and the lengths that it will have, and the prices of steps.

Wise where what an engine carries is known, and load changes less within an interval than between them; between two
plans nothing happens, whatever the queues. Rate and lengths are expected to be as in the interval that has ended, or to
go on changing as they did. An instance carries so many requests with steps of decodes within the target, as profiled;
prompts and decodes share it. Where they are apart each pool is planned by what is done there: prompts by their
tokens, decodes by the largest batch.

Source: NVIDIA Dynamo's planner (`components/src/dynamo/planner`): its throughput loop, with the constant and the linear
predictor (a trend of 0, of 1), 180 s between plans and 50 ms as the target.
"""

import math
from typing import Annotated, NamedTuple

from blis.engine.fleet_view import FleetView
from blis.engine.pool_readings import HAS_OUTPUT, INPUT, LENGTH_PLACES, OUTPUT, OWN_INPUT, RATE, carried_rate
from blis.foundation.units import Float64Vector, Int64Vector
from blis.policies.parameters import Bounds

# Places of a pool's memory behind those of its lengths: sums since the latest plan, when that was, and plans so far.
_SECONDS, _REQUESTS, _OWN, _PROMPTS, _COMPLETED, _WRITTEN, _PLANNED_US, _PLANS, _PLACES = range(
    LENGTH_PLACES, LENGTH_PLACES + 9
)


class Params(NamedTuple):
    """How often, by which forecast, and to which target."""

    interval_s: Annotated[float, Bounds(0.0, 86_400.0, "s from one plan to the next")] = 180.0
    trend: Annotated[float, Bounds(0.0, 10.0, "share of the latest change that is expected again")] = 0.0
    itl_ms: Annotated[float, Bounds(0.01, 1e6, "ms, of a step of decodes")] = 50.0
    use: Annotated[float, Bounds(0.01, 10.0, "share of the rate that an instance carries")] = 1.0


def memory_size(n_instances: int, n_requests: int) -> int:
    """What is known of each pool."""
    return _PLACES * n_instances


def scale(view: FleetView, params: Float64Vector, memory: Float64Vector, wanted: Int64Vector) -> None:
    """At the end of an interval the expected rate over what an instance carries, rounded up; else as many as before."""
    for pool in range(view.n_pools):
        place = _PLACES * pool
        memory[place + _SECONDS] += view.interval_us / 1e6
        memory[place + _REQUESTS] += view.arrived_requests[pool]
        memory[place + _OWN] += view.arrived_tokens[pool]
        memory[place + _PROMPTS] += view.arrived_tokens[pool] + view.received_tokens[pool]
        memory[place + _COMPLETED] += view.completed_requests[pool]
        memory[place + _WRITTEN] += view.completed_tokens[pool]
        if view.clock_us - memory[place + _PLANNED_US] < params[0] * 1e6 or memory[place + _SECONDS] <= 0.0:
            continue
        rate = memory[place + _REQUESTS] / memory[place + _SECONDS]
        if memory[place + _REQUESTS] > 0.0:
            memory[place + OWN_INPUT] = memory[place + _OWN] / memory[place + _REQUESTS]
            memory[place + INPUT] = memory[place + _PROMPTS] / memory[place + _REQUESTS]
        if memory[place + _COMPLETED] > 0.0:
            memory[place + OUTPUT] = memory[place + _WRITTEN] / memory[place + _COMPLETED]
            memory[place + HAS_OUTPUT] = 1.0
        expected = rate
        if memory[place + _PLANS] > 0.0:
            expected = max(0.0, rate + params[1] * (rate - memory[place + RATE]))
        memory[place + RATE] = rate
        memory[place + _PLANS] += 1.0
        memory[place + _PLANNED_US] = view.clock_us
        for sums in range(_SECONDS, _PLANNED_US):
            memory[place + sums] = 0.0
        if memory[place + INPUT] > 0.0 and memory[place + HAS_OUTPUT] > 0.0:
            carried = carried_rate(view, pool, memory, place, params[2] * 1000.0)
            wanted[pool] = min(view.maximum_instances[pool], math.ceil(min(expected / (carried * params[3]), 1e6)))
