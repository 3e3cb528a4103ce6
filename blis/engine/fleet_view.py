"""The knowledge boundary of scaling: what its policy may see of the cluster, and how it answers.

What instances report is as old as the readings are; what the cluster's own control plane did (states of instances, GPUs
that are free) is never old. No view holds a request, or an arrival that has not happened.
"""

from typing import NamedTuple

from numba import types

from blis.engine._jit import kernel
from blis.engine.reference import Reference, caller_of
from blis.engine.state import State
from blis.engine.views import World, named_type
from blis.foundation.units import Float64Vector, Int64Vector


class FleetView(NamedTuple):
    """The cluster as the policy of scaling sees it: arrays by instance, then arrays by pool."""

    clock_us: int
    read_us: int  #: when the instances were last read
    interval_us: int  #: from the reading before that to it; 0 at the first
    n_instances: int
    n_pools: int
    block_size_tokens: int
    lifecycle: Int64Vector  #: ABSENT, LOADING, WARM, DRAINING or FAILED, see blis.engine.codes; now
    read_lifecycle: Int64Vector  #: the same when it was read: only what was warm then has reported
    queued_requests: Int64Vector  #: reported; wait queue's length
    running_requests: Int64Vector  #: reported; batch size
    queued_tokens: Int64Vector  #: reported; prompt tokens of those that wait
    used_blocks: Int64Vector  #: reported; KV blocks in use
    total_blocks: Int64Vector  #: KV blocks there are
    first_instance: Int64Vector  #: of the pool, whose instances are neighbours
    end_instance: Int64Vector  #: one behind its last
    minimum_instances: Int64Vector
    maximum_instances: Int64Vector
    initial_instances: Int64Vector  #: warm at the start
    wanted_instances: Int64Vector  #: as the policy last decided; what serves or loads may be fewer
    loading_instances: Int64Vector  #: now
    warm_instances: Int64Vector  #: now
    draining_instances: Int64Vector  #: now
    model: Int64Vector  #: number of model and role; pools of one number can stand in for each other
    gpus: Int64Vector  #: of each instance
    free_gpus: Int64Vector  #: of the pool's kind; huge where there is no inventory
    price: Float64Vector  #: of an instance, by which pools compare
    max_running_requests: Int64Vector  #: of an instance
    step_token_budget: Int64Vector  #: of an instance
    block_tokens: Int64Vector  #: that all KV blocks of an instance hold
    arrived_requests: Int64Vector  #: sent to the pool during the interval
    arrived_tokens: Int64Vector  #: prompts that entered its queues during the interval
    received_tokens: Int64Vector  #: prompts, computed in other pools, whose KV was sent to it during the interval
    completed_requests: Int64Vector  #: during the interval; where prompts alone are computed, those that went on
    completed_tokens: Int64Vector  #: that these wrote
    prefill_us_per_token: Float64Vector  #: of a full step of prompts
    decode_us: Float64Vector  #: of a step of decodes, whatever their number
    decode_us_per_request: Float64Vector  #: that each adds
    decode_us_per_token: Float64Vector  #: that each token of their contexts adds


_SCALARS = ("clock_us", "read_us", "interval_us", "n_instances", "n_pools", "block_size_tokens")
_REAL = ("price", "prefill_us_per_token", "decode_us", "decode_us_per_request", "decode_us_per_token")
_VECTOR, _COUNTS = types.float64[::1], types.int64[::1]
_FLEET_VIEW = named_type(
    FleetView,
    {name: types.int64[:] for name in FleetView._fields if name not in _SCALARS}
    | dict.fromkeys(_REAL, types.float64[:]),
)
FLEET_VIEW = Reference(_FLEET_VIEW)

#: The signature of the verb: it writes how many instances each pool should have, where there were wanted so many.
SCALE = types.void(FLEET_VIEW, _VECTOR, _VECTOR, _COUNTS)

scale_at = caller_of(SCALE)


@kernel
def fleet_view(world: World, state: State, now_us: int, read_us: int, interval_us: int) -> FleetView:
    """What the policy of scaling decides on."""
    pools, read = state.fleet.pools, state.fleet.read
    return FleetView(
        now_us,
        read_us,
        interval_us,
        world.settings.n_instances,
        world.settings.n_pools,
        world.settings.block_size_tokens,
        state.instances.lifecycle,
        read.lifecycle,
        read.queued_requests,
        read.running_requests,
        read.queued_tokens,
        read.used_blocks,
        world.limits.total_blocks,
        pools.first_instance,
        pools.end_instance,
        pools.minimum_instances,
        pools.maximum_instances,
        pools.initial_instances,
        pools.wanted_instances,
        pools.loading_instances,
        pools.warm_instances,
        pools.draining_instances,
        pools.model,
        pools.gpus,
        pools.free_gpus,
        pools.price,
        pools.max_running_requests,
        pools.step_token_budget,
        pools.block_tokens,
        pools.arrived_requests,
        pools.arrived_tokens,
        pools.received_tokens,
        pools.completed_requests,
        pools.completed_tokens,
        pools.prefill_us_per_token,
        pools.decode_us,
        pools.decode_us_per_request,
        pools.decode_us_per_token,
    )
