"""What the router knows: signals read at intervals, prefix signals, and its own record of what it sent where."""

from blis.engine._jit import kernel
from blis.engine.blocks import (
    append,
    append_run,
    find,
    forget,
    has_room,
    is_seen,
    new_node,
    recycle,
    set_index,
    unlink,
)
from blis.engine.choice import draw_of
from blis.engine.codes import LAST_CACHE_READING_US, LAST_READING_US, LOAD_IN_FLIGHT, N_COLD, TIE_DRAW
from blis.engine.members import shared_blocks
from blis.engine.state import BlockStore, State
from blis.engine.views import RouterView, World


@kernel
def read_signals(world: World, state: State, now_us: int) -> None:
    """Let the router look at its instances, if its last look is old enough; called when it has to decide."""
    cluster = state.scratch.cluster
    interval_us = world.settings.snapshot_refresh_us
    if interval_us > 0 and now_us - cluster[LAST_READING_US] >= interval_us:
        cluster[LAST_READING_US] = now_us
        for instance in range(world.settings.n_instances):
            state.signals[instance] = state.instances[instance]
    delay_us = world.settings.cache_signal_delay_us
    if delay_us > 0 and now_us - cluster[LAST_CACHE_READING_US] >= delay_us:
        cluster[LAST_CACHE_READING_US] = now_us
        state.seen.counters[0] += 1
        state.seen.counters[1] = 0


@kernel
def prepare_view(world: World, state: State, request: int) -> None:
    """Work out what depends on the request: load, cached blocks, affinity, and what decides between equals."""
    scratch, settings = state.scratch, world.settings
    scratch.cluster[TIE_DRAW] = draw_of(settings.tie_key, world.workload.table.number[request])
    for instance in range(settings.n_instances):
        load = state.signals.queued_requests[instance] + state.signals.running_requests[instance]
        if settings.load_kind == LOAD_IN_FLIGHT:
            load += state.instances.in_flight_requests[instance]
        else:
            load += state.instances.pending_requests[instance]
        scratch.effective_load[instance] = load
    if settings.needs_cached_blocks:
        _count_cached(world, state, request)
    if settings.needs_affinity:
        _count_affinity(world, state, request)


@kernel
def _known_blocks(world: World, request: int) -> int:
    """Prompt blocks that anyone but the request itself can have left somewhere."""
    return min(shared_blocks(world, request), world.workload.table.prompt_blocks[request])


@kernel
def _count_cached(world: World, state: State, request: int) -> None:
    first = world.workload.key_offsets[request]
    known = _known_blocks(world, request)
    for instance in range(world.settings.n_instances):
        count = 0
        while count < known:
            identity = world.workload.keys[first + count] * world.settings.n_instances + instance
            if not is_seen(world.settings, state.cache, state.seen, identity):
                break
            count += 1
        state.scratch.cached_blocks[instance] = count


@kernel
def _count_affinity(world: World, state: State, request: int) -> None:
    first = world.workload.key_offsets[request]
    known = _known_blocks(world, request)
    for instance in range(world.settings.n_instances):
        count = 0
        while count < known:
            if find(state.router, world.workload.keys[first + count] * world.settings.n_instances + instance) < 0:
                break
            count += 1
        state.scratch.affinity_blocks[instance] = count


@kernel
def router_view(world: World, state: State, now_us: int) -> RouterView:
    """The view that admission and routing decide on."""
    signals, instances, scratch = state.signals, state.instances, state.scratch
    return RouterView(
        now_us,
        world.settings.n_instances,
        world.settings.block_size_tokens,
        signals.is_known,
        signals.queued_requests,
        signals.running_requests,
        signals.queued_tokens,
        signals.used_blocks,
        world.limits.total_blocks,
        signals.cache_hits,
        signals.cache_misses,
        signals.preemptions,
        signals.step_us,
        instances.pending_requests,
        instances.in_flight_requests,
        scratch.effective_load,
        scratch.cached_blocks,
        scratch.affinity_blocks,
        instances.last_cold_use,
        instances.last_routed,
        scratch.cluster[TIE_DRAW],
        world.settings.n_scorers,
        scratch.scorer_scores,
    )


@kernel
def router_room(world: World, state: State, request: int) -> bool:
    """Whether the router's index can take in the request."""
    return not world.settings.needs_affinity or has_room(state.router, _known_blocks(world, request) + 1)


@kernel
def remember_routing(world: World, state: State, instance: int, request: int) -> None:
    """Let the router's own signals learn where the request went."""
    if world.settings.needs_cached_blocks:
        cold = True
        for other in range(world.settings.n_instances):
            cold = cold and state.scratch.cached_blocks[other] == 0
        if cold:
            state.instances.last_cold_use[instance] = state.scratch.cluster[N_COLD]
            state.scratch.cluster[N_COLD] += 1
    if world.settings.needs_affinity:
        _remember_prompt(world, state, instance, request)


@kernel
def _remember_prompt(world: World, state: State, instance: int, request: int) -> None:
    """Make the prompt's blocks the most recent of the instance's index, first block first.

    `held` is not used in this store; the number of blocks in the list of an instance is kept as its head's
    `references`.
    """
    router, workload = state.router, world.workload
    first = workload.key_offsets[request]
    known = _known_blocks(world, request)
    most = world.settings.router_index_blocks
    if most == 0:
        most = world.limits.total_blocks[instance]
    for block in range(known):
        identity = workload.keys[first + block] * world.settings.n_instances + instance
        node = find(router, identity)
        if node >= 0:
            unlink(router, node)
        else:
            if router.nodes.references[instance] >= most:
                _drop_oldest(router, instance, 1)
            node = new_node(router, identity)
            set_index(router, identity, node)
            router.nodes.references[instance] += 1
        append(router, instance, node)
    own = workload.table.prompt_blocks[request] - known
    if own > 0:
        append_run(router, instance, own)
        router.nodes.references[instance] += own
        _drop_oldest(router, instance, router.nodes.references[instance] - most)


@kernel
def _drop_oldest(router: BlockStore, instance: int, count: int) -> None:
    """Forget the `count` least recent blocks of an instance's index."""
    while count > 0:
        dropped = min(count, router.nodes.run[instance])
        router.nodes.run[instance] -= dropped
        router.nodes.references[instance] -= dropped
        count -= dropped
        if count > 0:
            node = router.nodes.next[instance]
            unlink(router, node)
            forget(router, router.nodes.node_id[node])
            recycle(router, node)
            router.nodes.references[instance] -= 1
            count -= 1
