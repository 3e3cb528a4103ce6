"""Which blocks a tier's device evicts, and what a device that learns takes from what it has evicted.

Without learning the least recently used block goes. A device that learns (ARC) has a target: how many blocks that were
used once there should be. While there are as many, the least recently used of those goes, else that of the ones used
again. It remembers the names of what went, of either kind as many as it has room for blocks. A block that is to be
written and whose name is remembered moves the target by one, or by the ratio of the lengths of the two lists of names
if that is more: up, if it had been used once, else down.
"""

from blis.engine._jit import kernel
from blis.engine.block_index import find
from blis.engine.state import State
from blis.engine.tier_store import (
    AGAIN,
    GHOST_AGAIN,
    GHOST_ONCE,
    ONCE,
    OWN_LIST,
    UNSHARED,
    change_length,
    count,
    identity_of,
    list_of,
    put,
    put_unshared,
    remove,
    run_before,
    segment_of,
    take_out,
    use,
)


@kernel
def used_list(state: State, device: int) -> int:
    """The list of blocks that are used while they are there."""
    return AGAIN if state.tiers.devices.learns[device] else ONCE


@kernel
def unknown_below(state: State, device: int, segment: int, first: int, end: int) -> int:
    """From where on, `first` at least, a device remembers no block of a segment up to `end`; `end` if the last one."""
    if not state.tiers.devices.learns[device]:
        return first
    run = run_before(state, identity_of(state, device, segment, 1), end)
    return max(first, min(end, state.tier_store.runs.end[run])) if run >= 0 else first


@kernel
def learn_from(state: State, device: int, segment: int, first: int, end: int) -> None:
    """Blocks are to be written: let the target move by those of them that are remembered, the last one first."""
    identity = identity_of(state, device, segment, 1)
    if not state.tiers.devices.learns[device] or find(state.tier_store, identity) < 0:
        return
    runs, devices, place = state.tier_store.runs, state.tiers.devices, end
    while place > first:
        run = run_before(state, identity, place)
        if run < 0 or runs.end[run] <= first:
            break
        place = min(place, runs.end[run])
        low = max(first, runs.first[run])
        once, again = runs.references[list_of(device, GHOST_ONCE)], runs.references[list_of(device, GHOST_AGAIN)]
        step = -max(1.0, once / max(1.0, again))
        if state.tiers.runs.queue[run] == GHOST_ONCE:
            step = max(1.0, again / max(1.0, once))
        most = float(devices.capacity_blocks[device])
        for _ in range(place - low):
            devices.ghost_target[device] = max(0.0, min(most, devices.ghost_target[device] + step))
        place = low
    use(state, identity, first, end, OWN_LIST, 0)


@kernel
def put_known(
    state: State, device: int, segment: int, first: int, end: int, ready_us: int, now_us: int, begun_us: int
) -> None:
    """Put blocks on a device that does not have them: those that it remembers count as used again."""
    identity, ghosts = identity_of(state, device, segment, 0), identity_of(state, device, segment, 1)
    runs, place = state.tier_store.runs, end
    while place > first:
        low, queue = first, ONCE
        ghost = run_before(state, ghosts, place) if state.tiers.devices.learns[device] else -1
        if ghost >= 0 and runs.end[ghost] >= place:
            low, queue = max(first, runs.first[ghost]), AGAIN
            take_out(state, ghosts, low, place)
        elif ghost >= 0:
            low = max(first, runs.end[ghost])
        put(state, identity, queue, low, place, ready_us, now_us, begun_us)
        place = low


@kernel
def _giving_list(state: State, device: int, spared: int) -> int:
    """From which list blocks go next: of those used once if there are as many as there should be."""
    if not state.tiers.devices.learns[device]:
        return ONCE
    lengths = state.tier_store.runs.references
    once, again = lengths[list_of(device, ONCE)], lengths[list_of(device, AGAIN)] - spared
    gives_once = once >= max(1, int(state.tiers.devices.ghost_target[device]))
    return ONCE if once > 0 and (gives_once or again == 0) else AGAIN


@kernel
def _most_alike(state: State, device: int, queue: int, spared: int, refills: bool) -> int:
    """How many blocks in a row go from this list, which gives the next one, on a device that learns."""
    lengths = state.tier_store.runs.references
    once, again = lengths[list_of(device, ONCE)], lengths[list_of(device, AGAIN)] - spared
    target = max(1, int(state.tiers.devices.ghost_target[device]))
    if queue == AGAIN:
        return target - once if refills else again
    return once if refills or again == 0 else once - target + 1


@kernel
def evict(state: State, device: int, most: int, spared: int, refills: bool, now_us: int) -> tuple[int, int, int]:
    """Take the blocks out that go first, `most` at most, those of one run; so many that were used last must stay.

    Where it `refills`, a new block takes the place of each before the next one goes, and has been used once.

    Returns
    -------
    tuple of int
        Their segment, and their places there from the first to one behind the last: none if the first to go is still
        being written, or nothing is there. The names are remembered where a device learns from them.
    """
    runs, learns = state.tier_store.runs, state.tiers.devices.learns[device]
    queue = _giving_list(state, device, spared)
    head = list_of(device, queue)
    if learns:
        most = min(most, max(1, _most_alike(state, device, queue, spared, refills)))
    run, unshared = runs.next[head], min(most, runs.keyless_after[head])
    if unshared > 0:
        runs.keyless_after[head] -= unshared
        _count_evicted(state, device, queue, unshared)
        if learns:
            put_unshared(state, device, queue + GHOST_ONCE, unshared)
            _cut_ghosts(state, device, queue + GHOST_ONCE)
        return UNSHARED, 0, unshared
    if run == head or state.tiers.runs.ready_us[run] > now_us:
        return UNSHARED, 0, 0
    identity, end = runs.identity[run], runs.end[run]
    taken = min(most, end - runs.first[run])
    _count_evicted(state, device, queue, taken)
    if taken < end - runs.first[run]:
        runs.end[run] -= taken
    else:
        remove(state, run)
    if learns:
        put(state, identity + 1, queue + GHOST_ONCE, end - taken, end, 0, 0, 0)
        _cut_ghosts(state, device, queue + GHOST_ONCE)
    return segment_of(state, identity), end - taken, end


@kernel
def _count_evicted(state: State, device: int, queue: int, blocks: int) -> None:
    count(state, device, queue, -blocks)
    state.tiers.devices.evicted_blocks[device] += blocks


@kernel
def _cut_ghosts(state: State, device: int, queue: int) -> None:
    """Forget the oldest names of a list that is longer than the device's capacity."""
    runs, head = state.tier_store.runs, list_of(device, queue)
    while runs.references[head] > state.tiers.devices.capacity_blocks[device]:
        excess = runs.references[head] - state.tiers.devices.capacity_blocks[device]
        unshared, oldest = min(excess, runs.keyless_after[head]), runs.next[head]
        if unshared > 0:
            runs.keyless_after[head] -= unshared
            count(state, device, queue, -unshared)
            continue
        dropped = min(excess, runs.end[oldest] - runs.first[oldest])
        change_length(state, oldest, -dropped)
        if dropped < runs.end[oldest] - runs.first[oldest]:
            runs.end[oldest] -= dropped
        else:
            remove(state, oldest)
