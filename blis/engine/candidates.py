"""Which instances a request may be sent to: those that are routable, decode and serve its model, found anew each time.

Where nothing restricts (`restricts_candidates` is 0) these are all instances, listed once and for all at the start.
The list is `scratch.eligible` up to `N_CANDIDATES`: kernels cannot return a part of an array, so whoever reads it cuts.
"""

from blis.engine._jit import kernel
from blis.engine.choice import is_among
from blis.engine.codes import N_CANDIDATES
from blis.engine.state import State
from blis.engine.views import World
from blis.foundation.roles import DECODE


@kernel
def find_candidates(world: World, state: State, request: int) -> int:
    """List the instances that the request may be sent to now; return how many they are.

    Whoever keeps requests back asks this first: where it is 0, a request that is sent on is lost as unroutable.
    """
    table = world.workload.table
    return _list_servers(world, state, table.model[request], table.adapter[request])


@kernel
def find_servers(world: World, state: State) -> int:
    """List the instances that any request may be sent to now, whatever model it asks for; return how many they are."""
    return _list_servers(world, state, -1, -1)


@kernel
def _list_servers(world: World, state: State, model: int, adapter: int) -> int:
    """List the instances that serve this model, or, if it is -1, any; an adapter only where there are slots for it."""
    if world.settings.restricts_candidates:
        count = 0
        for instance in range(world.settings.n_instances):
            serves = model < 0 or (world.limits.serves[instance] >> model) & 1 != 0
            decodes = world.limits.roles[instance] & DECODE != 0
            if adapter >= 0 and world.settings.has_adapters and world.limits.max_loras[instance] == 0:
                continue
            if serves and decodes and state.instances.routable[instance] != 0:
                state.scratch.eligible[count] = instance
                count += 1
        state.scratch.cluster[N_CANDIDATES] = count
    return state.scratch.cluster[N_CANDIDATES]


@kernel
def is_candidate(world: World, state: State, instance: int) -> bool:
    """Whether an instance is one of those that were listed last."""
    if world.settings.restricts_candidates:
        return is_among(state.scratch.eligible[: state.scratch.cluster[N_CANDIDATES]], instance)
    return 0 <= instance < world.settings.n_instances
