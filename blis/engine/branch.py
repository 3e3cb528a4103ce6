"""Making one state equal to another again, when both were equal before and have gone on since.

Only what can have changed is copied: requests that had ended when the two were last equal stay as they are, and so do
those that neither has reached. That is what makes a fork cheap enough to try every alternative of a decision.
"""

from typing import Any

from blis.engine._jit import kernel, seldom_kernel
from blis.engine.codes import CLOCK_US, NEVER_US, NEXT_FIXED, ROUTING_HEAD, ROUTING_TAIL
from blis.engine.endings import has_ended
from blis.engine.state import INDEXED, PIECES_MADE, RUNS_MADE, BlockStore, State
from blis.engine.views import World

FIRST_ROW, FIRST_PLACE = range(2)  # places of `since`: oldest request under way, and head of the routing queue, then


@kernel
def has_same_shape(world: World, base: State, branch: State) -> bool:
    """Whether all arrays that grow have the same room in both."""
    return (
        _store_has_same_shape(base.cache, branch.cache)
        and _store_has_same_shape(base.router, branch.router)
        and _store_has_same_shape(base.ghosts, branch.ghosts)
        and _store_has_same_shape(base.tier_store, branch.tier_store)
        and base.seen.slots.shape[0] == branch.seen.slots.shape[0]
    )


@kernel
def _store_has_same_shape(base: BlockStore, branch: BlockStore) -> bool:
    return (
        base.runs.shape[0] == branch.runs.shape[0]
        and base.slots.shape[0] == branch.slots.shape[0]
        and base.pieces.shape[0] == branch.pieces.shape[0]
    )


@kernel
def rejoin(world: World, memory: Any, base: State, branch: State, since: Any) -> None:
    """Make `branch`, and its policies' `memory`, equal to `base`.

    `since` tells where both were when they were last equal, and is brought up to date. Traces and step logs are not
    copied: a branch keeps none.
    """
    last = max(base.scratch.cluster[NEXT_FIXED], branch.scratch.cluster[NEXT_FIXED])
    if world.settings.lookahead_us != NEVER_US:
        last = world.workload.table.shape[0]  # arrivals that wait for others come in no order of rows
    for request in range(since[FIRST_ROW], last):
        branch.requests[request] = base.requests[request]
        if base.drafts.shape[0] > 0:
            branch.drafts[request] = base.drafts[request]
        if base.awaiting.shape[0] > 0:
            branch.awaiting[request] = base.awaiting[request]
        if world.settings.times_out:
            branch.patience[request] = base.patience[request]
        if base.transfers.legs.shape[0] > 0:
            branch.transfers.legs[request] = base.transfers.legs[request]
        if world.settings.swaps:
            branch.swap.requests[request] = base.swap.requests[request]
        if base.encoding.requests.shape[0] > 0:
            branch.encoding.requests[request] = base.encoding.requests[request]
        if base.gateway.requests.shape[0] > 0:
            branch.gateway.requests[request] = base.gateway.requests[request]
        if world.settings.has_adapters:
            branch.adapters.requests[request] = base.adapters.requests[request]
        if base.learned.requests.shape[0] > 0:
            branch.learned.requests[request] = base.learned.requests[request]
        if world.settings.needs_sessions:  # only those of requests that were routed since can differ
            session = world.workload.table.session[request]
            if session >= 0:
                branch.sessions[session] = base.sessions[session]
    _copy_queue(base, branch, since[FIRST_PLACE])
    for entry in range(base.learned.lengths.shape[0]):
        branch.learned.lengths[entry] = base.learned.lengths[entry]
    for entry in range(base.learned.tenants.shape[0]):
        branch.learned.tenants[entry] = base.learned.tenants[entry]
    _copy_instances(world, base, branch)
    _copy_store(base.cache, branch.cache)
    if not world.settings.evicts_oldest:
        _copy_kept(world, base, branch)
    if world.settings.n_tiers > 0:
        _copy_tiers(base, branch)
    if world.settings.swaps:
        _copy_swap(base, branch)
    if world.settings.needs_affinity:
        _copy_store(base.router, branch.router)
    if world.settings.needs_prompts:
        for instance in range(world.settings.n_instances):
            _copy_rows(base.prompts[instance], branch.prompts[instance])
    if world.settings.has_transfers:
        _copy_vector(base.transfers.places, branch.transfers.places)
    if world.settings.has_encoder:
        _copy_vector(base.encoding.places, branch.encoding.places)
        for instance in range(world.settings.n_instances):
            branch.encoding.instances[instance] = base.encoding.instances[instance]
    _copy_vector(base.gateway.places, branch.gateway.places)  # who gave up is counted there without a gateway, too
    if world.settings.has_gateway:
        _copy_gateway(base, branch)
    if world.settings.cache_signal_delay_us > 0:
        _copy_vector(base.seen.counters, branch.seen.counters)
        for slot in range(base.seen.slots.shape[0]):
            branch.seen.slots[slot] = base.seen.slots[slot]
    if world.settings.has_fleet:
        _copy_fleet(base, branch)
    if world.settings.has_adapters:
        _copy_adapters(base, branch)
    _copy_rows(world.memory, memory)
    if world.settings.lookahead_us == NEVER_US:
        while since[FIRST_ROW] < last and _has_left(base, since[FIRST_ROW]):
            since[FIRST_ROW] += 1
    since[FIRST_PLACE] = base.scratch.cluster[ROUTING_HEAD]


@kernel
def _has_left(base: State, request: int) -> bool:
    """Whether a request's end lies in the past: that of a step under way is known, and still to come."""
    requests = base.requests
    return has_ended(requests.status[request]) and requests.finished_us[request] <= base.scratch.cluster[CLOCK_US]


@kernel
def _copy_vector(source: Any, target: Any) -> None:
    # An assignment of slices would need memory of its own: they might overlap.
    for place in range(source.shape[0]):
        target[place] = source[place]


@kernel
def _copy_rows(source: Any, target: Any) -> None:
    for row in range(source.shape[0]):
        for place in range(source.shape[1]):
            target[row, place] = source[row, place]


@kernel
def _copy_queue(base: State, branch: State, first: int) -> None:
    cluster = branch.scratch.cluster
    last = max(base.scratch.cluster[ROUTING_TAIL], cluster[ROUTING_TAIL])
    for place in range(first, last):
        branch.scratch.routing_queue[place] = base.scratch.routing_queue[place]
    _copy_vector(base.scratch.cluster, cluster)
    _copy_vector(base.scratch.step, branch.scratch.step)
    _copy_vector(base.scratch.eligible, branch.scratch.eligible)
    _copy_vector(base.scratch.effective_load, branch.scratch.effective_load)
    _copy_vector(base.scratch.cached_blocks, branch.scratch.cached_blocks)
    _copy_vector(base.scratch.affinity_blocks, branch.scratch.affinity_blocks)


@kernel
def _copy_fleet(base: State, branch: State) -> None:
    """All but the log, which a branch writes for itself, over what it has written before."""
    for pool in range(base.fleet.pools.shape[0]):
        branch.fleet.pools[pool] = base.fleet.pools[pool]
        branch.fleet.wanted[pool] = base.fleet.wanted[pool]
    for failure in range(base.fleet.failures.shape[0]):
        branch.fleet.failures[failure] = base.fleet.failures[failure]
    for instance in range(base.fleet.read.shape[0]):
        branch.fleet.read[instance] = base.fleet.read[instance]


@kernel
def _copy_adapters(base: State, branch: State) -> None:
    """What instances hold, and what the router last read of it; who asks has been copied with the requests."""
    for instance in range(base.adapters.holders.shape[0]):
        branch.adapters.holders[instance] = base.adapters.holders[instance]
    for place in range(base.adapters.residents.shape[0]):
        branch.adapters.residents[place] = base.adapters.residents[place]
    _copy_vector(base.adapters.read_in_use, branch.adapters.read_in_use)
    _copy_vector(base.adapters.read_use, branch.adapters.read_use)


@kernel
def _copy_gateway(base: State, branch: State) -> None:
    _copy_vector(base.gateway.in_flight_tokens, branch.gateway.in_flight_tokens)
    for flow in range(base.gateway.flows.shape[0]):
        branch.gateway.flows[flow] = base.gateway.flows[flow]
    for band in range(base.gateway.bands.shape[0]):
        branch.gateway.bands[band] = base.gateway.bands[band]
    for tenant in range(base.gateway.tenants.shape[0]):
        branch.gateway.tenants[tenant] = base.gateway.tenants[tenant]


@kernel
def _copy_instances(world: World, base: State, branch: State) -> None:
    batches, copy = base.batches, branch.batches
    for instance in range(world.settings.n_instances):
        branch.instances[instance] = base.instances[instance]
        if world.settings.snapshot_refresh_us > 0:
            branch.signals[instance] = base.signals[instance]
        for place in range(base.instances.running_requests[instance]):
            copy.members[instance, place] = batches.members[instance, place]
        for place in range(base.instances.prefilling_requests[instance]):
            copy.prefilling[instance, place] = batches.prefilling[instance, place]
        for place in range(base.instances.ending_requests[instance]):
            copy.ending[instance, place] = batches.ending[instance, place]
        for place in range(base.instances.returning_requests[instance]):
            copy.returning[instance, place] = batches.returning[instance, place]
        for place in range(base.instances.decode_requests[instance]):
            copy.finish_step[instance, place] = batches.finish_step[instance, place]
            copy.finish_request[instance, place] = batches.finish_request[instance, place]
    _copy_rows(batches.crossing, copy.crossing)
    _copy_rows(batches.fill_head, copy.fill_head)


@kernel
def _copy_kept(world: World, base: State, branch: State) -> None:
    for run in range(base.cache.counters[RUNS_MADE]):
        branch.kept.runs[run] = base.kept.runs[run]
    for queue in range(base.kept.queues.shape[0]):
        branch.kept.queues[queue] = base.kept.queues[queue]
    _copy_vector(base.kept.frequencies, branch.kept.frequencies)
    if world.settings.needs_next_use:  # which users of a segment are past, behind where each segment begins
        n_segments = world.settings.n_segments
        for place in range(n_segments + 1, 2 * n_segments + 1):
            branch.kept.users[place] = base.kept.users[place]
    if world.settings.ghost_permille > 0:
        _copy_store(base.ghosts, branch.ghosts)


@seldom_kernel
def _copy_tiers(base: State, branch: State) -> None:
    for device in range(base.tiers.devices.shape[0]):
        branch.tiers.devices[device] = base.tiers.devices[device]
    for channel in range(base.tiers.channels.shape[0]):
        branch.tiers.channels[channel] = base.tiers.channels[channel]
    for run in range(base.tier_store.counters[RUNS_MADE]):
        branch.tiers.runs[run] = base.tiers.runs[run]
    _copy_store(base.tier_store, branch.tier_store)


@seldom_kernel
def _copy_swap(base: State, branch: State) -> None:
    """The host's memory; whose copies lie there has been copied with the requests."""
    for instance in range(base.swap.spaces.shape[0]):
        branch.swap.spaces[instance] = base.swap.spaces[instance]
    for channel in range(base.swap.channels.shape[0]):
        branch.swap.channels[channel] = base.swap.channels[channel]


@kernel
def _copy_store(base: BlockStore, branch: BlockStore) -> None:
    for run in range(base.counters[RUNS_MADE]):
        branch.runs[run] = base.runs[run]
    if base.counters[INDEXED] > 0 or branch.counters[INDEXED] > 0:
        for slot in range(base.slots.shape[0]):
            branch.slots[slot] = base.slots[slot]
    for piece in range(base.counters[PIECES_MADE]):
        branch.pieces[piece] = base.pieces[piece]
    _copy_vector(base.counters, branch.counters)
