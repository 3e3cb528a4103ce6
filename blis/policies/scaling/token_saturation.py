"""Have room for the tokens that are in memory and that wait, with something to spare: a capacity in tokens.

Wise where prompts and outputs differ much in length, since it counts what they weigh. An instance carries what its
memory holds, or what it held when its queue grew, or what its largest batch of the usual lengths holds, whichever is
least; what is asked for is what is in use, and the mean prompt for each request that waits. What loads counts as there
when more is asked for, and not when something is to go; one instance fewer must still be enough.

Of the pools that serve a model the cheapest grows and the dearest shrinks.

Source: llm-d's workload-variant-autoscaler, `internal/engines/analyzers/saturation_v2`; that one instance fewer must be
enough, and lengths that are given, are inference-sim's. The windows are those of its chart's HPA.
"""

import math
from typing import Annotated, NamedTuple

from blis.engine.fleet_view import FleetView
from blis.engine.pool_readings import (
    INPUT,
    LENGTH_PLACES,
    OUTPUT,
    cheapest_pool,
    dearest_pool,
    follow_lengths,
    has_reported,
)
from blis.engine.stabilising import PLACES_PER_INSTANCE, stabilised
from blis.foundation.units import Float64Vector, Int64Vector
from blis.policies.pacing import MostDownShare, MostUpInstances, MostUpShare, PeriodS, WindowS
from blis.policies.parameters import Bounds, OneOf

# Places of a pool's memory: mean prompt, mean output, rate of arrivals, capacity as observed at saturation.
_OBSERVED, _PLACES = LENGTH_PLACES, LENGTH_PLACES + 1
_GAIN = 0.1  # of the latest observation: the source keeps the last ten


class Params(NamedTuple):
    """Shares of a capacity, where it is measured, and how quickly it is followed."""

    kv_threshold: Annotated[float, Bounds(0.01, 1.0, "share of KV blocks that count as capacity")] = 0.80
    up_share: Annotated[float, Bounds(0.01, 1.0, "share of the capacity in use above which it grows")] = 0.85
    down_share: Annotated[float, Bounds(0.01, 1.0, "share of the capacity in use below which it shrinks")] = 0.70
    queue_threshold: Annotated[float, Bounds(0.01, 1e6, "waiting requests that show saturation")] = 5.0
    mean_input_tokens: Annotated[float, Bounds(0.0, 1e9, "tokens of a waiting request; 0: as measured")] = 0.0
    capacity: Annotated[str, OneOf(("measured", "memory"))] = "measured"
    down_window_s: WindowS = 240.0
    up_window_s: WindowS = 240.0
    most_up_share: MostUpShare = 1.0
    most_up_instances: MostUpInstances = 10.0
    most_down_share: MostDownShare = 1.0
    period_s: PeriodS = 150.0


def memory_size(n_instances: int, n_requests: int) -> int:
    """Recommendations of the windows, then what is known of each pool, then its capacity."""
    return PLACES_PER_INSTANCE * n_instances + _PLACES * n_instances + n_instances


def scale(view: FleetView, params: Float64Vector, memory: Float64Vector, wanted: Int64Vector) -> None:
    """As many as the demand asks for, for each model."""
    known = PLACES_PER_INSTANCE * view.n_instances
    capacities = known + _PLACES * view.n_instances
    for first in range(view.n_pools):
        model, is_first = view.model[first], True
        for pool in range(first):
            is_first = is_first and view.model[pool] != model
        if not is_first:
            continue
        supply, coming, demand, largest, n_reported = 0.0, 0.0, 0.0, 0.0, 0
        for pool in range(first, view.n_pools):
            if view.model[pool] != model:
                continue
            place = known + _PLACES * pool
            follow_lengths(view, pool, _GAIN, memory, place)
            waiting_tokens = params[4] if params[4] > 0.0 else memory[place + INPUT]
            memory_tokens = view.block_tokens[pool] * params[0]
            for instance in range(view.first_instance[pool], view.end_instance[pool]):
                if has_reported(view, instance):
                    n_reported += 1
                    used = float(view.used_blocks[instance] * view.block_size_tokens)
                    demand += used + view.queued_requests[instance] * waiting_tokens
                    if view.queued_requests[instance] >= params[3]:
                        before = memory[place + _OBSERVED]
                        memory[place + _OBSERVED] = used if before <= 0.0 else before + (used - before) * _GAIN
            capacity = memory_tokens
            if params[5] == 0.0:
                if memory[place + _OBSERVED] > 0.0:
                    capacity = min(memory_tokens, memory[place + _OBSERVED])
                elif memory[place + INPUT] > 0.0 and memory[place + OUTPUT] > 0.0:
                    length, output = memory[place + INPUT], memory[place + OUTPUT]
                    batch = min(
                        view.step_token_budget[pool] * output / (length + output), view.max_running_requests[pool]
                    )
                    capacity = min(memory_tokens, batch * (length + output / 2.0))
            memory[capacities + pool] = max(1.0, capacity)
            supply += view.warm_instances[pool] * memory[capacities + pool]
            coming += view.loading_instances[pool] * memory[capacities + pool]
            if view.warm_instances[pool] > 0:
                largest = max(largest, memory[capacities + pool])
        required = demand / params[1] - supply - coming
        spare = supply - demand / params[2]
        if n_reported > 0 and required > 0.0:
            grown = cheapest_pool(view, model, wanted)
            if grown >= 0:
                wanted[grown] += max(1, math.ceil(required / memory[capacities + grown]))
        elif n_reported > 1 and spare > 0.0 and supply - largest > demand / params[2]:
            shrunk = dearest_pool(view, model, wanted)
            if shrunk >= 0:
                fewer = max(1, math.floor(spare / memory[capacities + shrunk]))
                wanted[shrunk] = max(1, wanted[shrunk] - fewer)
    for pool in range(view.n_pools):
        wanted[pool] = stabilised(view, pool, wanted[pool], params, 6, memory)
