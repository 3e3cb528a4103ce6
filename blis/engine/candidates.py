"""Which instances a request may be sent to: those that are routable, decode and serve its model.

Where nothing restricts (`restricts_candidates` is 0) these are all instances, listed once and for all at the start.
Elsewhere a list stands until it is cut or an instance becomes routable or ceases to be: who asks next, for a request
that is the same to it, finds it made.
The list is `scratch.eligible` up to `N_CANDIDATES`: kernels cannot return a part of an array, so whoever reads it cuts.
"""

from blis.engine._jit import kernel
from blis.engine.choice import is_among
from blis.engine.codes import LISTED_FOR, N_CANDIDATES
from blis.engine.state import State
from blis.engine.views import World
from blis.foundation.roles import DECODE, ENCODE, PREFILL

_ROLES = 8  # so many sets of roles there are


@kernel
def find_candidates(world: World, state: State, request: int) -> int:
    """List the instances that the request may be sent to now; return how many they are.

    Whoever keeps requests back asks this first: where it is 0, a request that is sent on is lost as unroutable.
    """
    table = world.workload.table
    return _list_servers(world, state, table.model[request], table.adapter[request], DECODE)


@kernel
def find_servers(world: World, state: State) -> int:
    """List the instances that any request may be sent to now, whatever model it asks for; return how many they are."""
    return _list_servers(world, state, -1, -1, PREFILL | DECODE if world.settings.disaggregates else DECODE)


@kernel
def find_prefillers(world: World, state: State, request: int, decode: int) -> int:
    """List the instances other than `decode` that may compute a prompt for it; return how many they are."""
    table = world.workload.table
    _list_servers(world, state, table.model[request], table.adapter[request], PREFILL)
    return keep_usable(world, state, decode)


@kernel
def find_encoders(world: World, state: State, request: int) -> int:
    """List the instances that may encode for a request, whatever its adapter; return how many they are."""
    return _list_servers(world, state, world.workload.table.model[request], -1, ENCODE)


@kernel
def can_prefill_for(world: World, state: State, request: int, instance: int, decode: int) -> bool:
    """Whether an instance may compute the prompt of a request for another one."""
    limits, model, adapter = world.limits, world.workload.table.model[request], world.workload.table.adapter[request]
    if adapter >= 0 and world.settings.has_adapters and limits.max_loras[instance] == 0:
        return False
    serves = model < 0 or (limits.serves[instance] >> model) & 1 != 0
    return (
        serves
        and instance != decode
        and limits.roles[instance] & PREFILL != 0
        and limits.kv_kind[instance] == limits.kv_kind[decode]
        and state.instances.routable[instance] != 0
    )


@kernel
def keep_usable(world: World, state: State, other: int) -> int:
    """Strike off the list who cannot exchange KV with another instance, and that one itself; return who are left."""
    eligible, cluster, count = state.scratch.eligible, state.scratch.cluster, 0
    for candidate in range(cluster[N_CANDIDATES]):
        instance = eligible[candidate]
        if instance != other and world.limits.kv_kind[instance] == world.limits.kv_kind[other]:
            eligible[count] = instance
            count += 1
    cut_list(state, count)
    return count


@kernel
def cut_list(state: State, count: int) -> None:
    """Let the list end behind so many who were moved to its beginning: it is nobody else's list any more."""
    state.scratch.cluster[N_CANDIDATES] = count
    state.scratch.cluster[LISTED_FOR] = -1


@kernel
def _list_servers(world: World, state: State, model: int, adapter: int, roles: int) -> int:
    """List the instances of one of these roles that serve this model, or, if it is -1, any.

    An adapter is served only where there are slots for it.
    """
    cluster = state.scratch.cluster
    needs_slots = adapter >= 0 and world.settings.has_adapters != 0
    asked_for = 2 * (_ROLES * (model + 1) + roles) + (1 if needs_slots else 0)
    if world.settings.restricts_candidates and cluster[LISTED_FOR] != asked_for:
        cluster[LISTED_FOR] = asked_for
        count = 0
        for instance in range(world.settings.n_instances):
            serves = model < 0 or (world.limits.serves[instance] >> model) & 1 != 0
            does = world.limits.roles[instance] & roles != 0
            has_slots = world.limits.max_loras[instance] > 0 or not needs_slots
            if serves and does and has_slots and state.instances.routable[instance] != 0:
                state.scratch.eligible[count] = instance
                count += 1
        cluster[N_CANDIDATES] = count
    return cluster[N_CANDIDATES]


@kernel
def is_candidate(world: World, state: State, instance: int) -> bool:
    """Whether an instance is one of those that were listed last."""
    if world.settings.restricts_candidates:
        return is_among(state.scratch.eligible[: state.scratch.cluster[N_CANDIDATES]], instance)
    return 0 <= instance < world.settings.n_instances
