"""What a pool's instances report, added up, and what one of them can carry: for policies of scaling."""

import math

from blis.engine._jit import kernel
from blis.engine.codes import WARM
from blis.engine.fleet_view import FleetView
from blis.foundation.units import Float64Vector, Int64Vector

#: Places of a pool in a policy's memory, means over its requests: the tokens of a prompt that are computed there, those
#: of the whole prompt, those of an output that are written there, whether any is known; requests per second.
OWN_INPUT, INPUT, OUTPUT, HAS_OUTPUT, RATE, LENGTH_PLACES = range(6)


@kernel
def has_reported(view: FleetView, instance: int) -> bool:
    """Whether an instance serves, and served when it was read: of others there is nothing to go by."""
    return view.lifecycle[instance] == WARM and view.read_lifecycle[instance] == WARM


@kernel
def n_reporting(view: FleetView, pool: int) -> int:
    """Instances of a pool that have reported."""
    count = 0
    for instance in range(view.first_instance[pool], view.end_instance[pool]):
        if has_reported(view, instance):
            count += 1
    return count


@kernel
def reported_sum(view: FleetView, pool: int, values: Int64Vector) -> int:
    """What the instances of a pool that have reported have of something, together."""
    total = 0
    for instance in range(view.first_instance[pool], view.end_instance[pool]):
        if has_reported(view, instance):
            total += values[instance]
    return total


@kernel
def cheapest_pool(view: FleetView, model: int, wanted: Int64Vector) -> int:
    """Pool of a model to which an instance can be added at the least price, the first of equals; -1: there is none."""
    best = -1
    for pool in range(view.n_pools):
        if view.model[pool] != model or wanted[pool] >= view.maximum_instances[pool]:
            continue
        if view.free_gpus[pool] < view.gpus[pool]:
            continue
        if best < 0 or view.price[pool] < view.price[best]:
            best = pool
    return best


@kernel
def dearest_pool(view: FleetView, model: int, wanted: Int64Vector) -> int:
    """Pool of a model from which an instance can be taken at the highest price, the last of equals; -1: there is none.

    A model keeps one instance, whatever the minimum of its pools.
    """
    best, total = -1, 0
    for pool in range(view.n_pools):
        if view.model[pool] != model:
            continue
        total += wanted[pool]
        if wanted[pool] > view.minimum_instances[pool] and (best < 0 or view.price[pool] >= view.price[best]):
            best = pool
    return best if total > 1 else -1


@kernel
def follow_lengths(view: FleetView, pool: int, gain: float, memory: Float64Vector, place: int) -> bool:
    """Keep mean lengths and the rate of arrivals in `LENGTH_PLACES` of memory; return whether lengths are known.

    Lengths move by `gain` towards those of each interval; the rate is that of the interval.
    """
    if view.interval_us > 0:
        memory[place + RATE] = view.arrived_requests[pool] * 1e6 / view.interval_us
    arrived = view.arrived_requests[pool]
    if arrived > 0:
        own, received = view.arrived_tokens[pool], view.received_tokens[pool]
        _follow(memory, place + OWN_INPUT, own / arrived, gain, memory[place + INPUT] > 0.0)
        _follow(memory, place + INPUT, (own + received) / arrived, gain, memory[place + INPUT] > 0.0)
    completed = view.completed_requests[pool]
    if completed > 0:
        output = view.completed_tokens[pool] / completed
        _follow(memory, place + OUTPUT, output, gain, memory[place + HAS_OUTPUT] > 0.0)
        memory[place + HAS_OUTPUT] = 1.0
    return memory[place + INPUT] > 0.0 and memory[place + HAS_OUTPUT] > 0.0


@kernel
def _follow(memory: Float64Vector, place: int, value: float, gain: float, is_known: bool) -> None:
    memory[place] = memory[place] + (value - memory[place]) * gain if is_known else value


@kernel
def carried_rate(view: FleetView, pool: int, memory: Float64Vector, place: int, itl_us: float) -> float:
    """Requests per second that one instance carries, of the lengths in memory, with steps of decodes within `itl_us`.

    As a planner interpolates what it has profiled: the largest batch whose step keeps to the target and whose contexts
    fit the memory decodes; a request then costs its prompt, if that is computed here, and its share of a step for each
    token of its output, if it is decoded here.
    """
    prompt, outputs = memory[place + INPUT], memory[place + OUTPUT]
    context = prompt + outputs / 2.0
    per_request_us = view.decode_us_per_request[pool] + context * view.decode_us_per_token[pool]
    batch = float(min(view.max_running_requests[pool], view.step_token_budget[pool]))
    batch = min(batch, view.block_tokens[pool] / max(1.0, prompt + outputs))
    if per_request_us > 0.0:
        batch = min(batch, (itl_us - view.decode_us[pool]) / per_request_us)
    batch = max(1.0, math.floor(batch))
    step_us = view.decode_us[pool] + batch * per_request_us
    cost_us = memory[place + OWN_INPUT] * view.prefill_us_per_token[pool] + outputs * step_us / batch
    return 1e6 / max(1e-6, cost_us)
