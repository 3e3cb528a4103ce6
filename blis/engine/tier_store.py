"""What lies on the devices of the tiers: runs of blocks, in the order of their last use, and which of them goes first.

It is a block store with four lists for each device: blocks that were used once, blocks that were used again, and, where
a device learns how many of each there should be, the names of those evicted from either. The least recently used goes
first, within a run its last block; a device that does not learn has everything in the first list. The length of a list,
in blocks, is kept as its head's `references`. Blocks that no other request can find have no keys and are only counted,
but take room like any other.

Source of the learning rule: vLLM's ARC of its CPU tier (`v1/kv_offload/cpu/policies/arc.py`). Differs in that blocks
come in runs: the target moves by its step times the blocks that came back, and a run is used as a whole.
"""

from blis.engine._jit import kernel
from blis.engine.block_index import find, set_index
from blis.engine.block_runs import (
    append,
    append_copy,
    append_keyless,
    covered_end,
    new_run,
    recycle,
    remove_copy,
    split,
    unlink,
)
from blis.engine.state import State

N_LISTS = 4
UNSHARED = -1  #: instead of a segment: of blocks that nobody else can find
ONCE, AGAIN, GHOST_ONCE, GHOST_AGAIN = range(N_LISTS)


@kernel
def identity_of(state: State, device: int, segment: int, is_ghost: int) -> int:
    """By which the index knows a segment on a device, or what is remembered of it there."""
    return 2 * (segment * state.tiers.devices.shape[0] + device) + is_ghost


@kernel
def segment_of(state: State, identity: int) -> int:
    """The segment that an identity is of."""
    return identity // 2 // state.tiers.devices.shape[0]


@kernel
def list_of(device: int, queue: int) -> int:
    """Head of a device's list."""
    return N_LISTS * device + queue


@kernel
def held_end(state: State, device: int, segment: int, place: int, end: int) -> int:
    """First place of a segment from `place` on, `end` at most, whose block is not on the device."""
    return covered_end(state.tier_store, identity_of(state, device, segment, 0), place, end)


@kernel
def _count(state: State, device: int, queue: int, by: int) -> None:
    """Count blocks more, or fewer, in a list."""
    state.tier_store.runs.references[list_of(device, queue)] += by
    if queue < GHOST_ONCE:
        state.tiers.devices.blocks[device] += by


@kernel
def _change_length(state: State, run: int, by: int) -> None:
    """Count blocks of a run more, or fewer, in its list."""
    device = state.tier_store.runs.identity[run] // 2 % state.tiers.devices.shape[0]
    _count(state, device, state.tiers.runs.queue[run], by)


@kernel
def _remove(state: State, run: int) -> None:
    """Take a run out of everything."""
    unlink(state.tier_store, run)
    remove_copy(state.tier_store, run)
    recycle(state.tier_store, run)


@kernel
def _cut(state: State, run: int, place: int) -> int:
    """Cut a run in two, and return the new one, which holds the blocks below and stays beside it."""
    below = split(state.tier_store, run, place)
    state.tiers.runs.ready_us[below] = state.tiers.runs.ready_us[run]
    state.tiers.runs.queue[below] = state.tiers.runs.queue[run]
    return below


@kernel
def take_out(state: State, identity: int, first: int, end: int) -> tuple[int, int]:
    """Take the blocks of a segment from `first` to `end` out of a device, or out of what is remembered of it.

    Returns
    -------
    tuple of int
        How many there were, and the list of the first of them that was found; -1 if there were none.
    """
    runs = state.tier_store.runs
    taken, queue, run = 0, -1, find(state.tier_store, identity)
    while run >= 0:
        following = runs.next_copy[run]
        if runs.first[run] < end and runs.end[run] > first:
            if runs.first[run] < first:
                _cut(state, run, first)
            if runs.end[run] > end:
                run = _cut(state, run, end)
            taken += runs.end[run] - runs.first[run]
            queue = state.tiers.runs.queue[run] if queue < 0 else queue
            _change_length(state, run, runs.first[run] - runs.end[run])
            _remove(state, run)
        run = following
    return taken, queue


@kernel
def put(state: State, identity: int, queue: int, first: int, end: int, ready_us: int) -> None:
    """Put blocks at the end of a list, as one with a run of the list that they continue, or that continues them."""
    store, kept = state.tier_store, state.tiers.runs
    runs, head = store.runs, list_of(identity // 2 % state.tiers.devices.shape[0], queue)
    oldest = find(store, identity)
    run = oldest
    while run >= 0:
        if kept.queue[run] == queue and (runs.end[run] == first or runs.first[run] == end):
            runs.first[run], runs.end[run] = min(runs.first[run], first), max(runs.end[run], end)
            kept.ready_us[run] = max(kept.ready_us[run], ready_us)
            unlink(store, run)
            append(store, head, run)
            _change_length(state, run, end - first)
            return
        run = runs.next_copy[run]
    run = new_run(store, identity, first, end)
    kept.ready_us[run], kept.queue[run] = ready_us, queue
    if oldest >= 0:
        append_copy(store, oldest, run)
    else:
        set_index(store, identity, run)
    append(store, head, run)
    _change_length(state, run, end - first)


@kernel
def touch(state: State, device: int, segment: int, first: int, end: int) -> None:
    """Let the runs that hold some of these blocks be those that were used last."""
    store, kept = state.tier_store, state.tiers.runs
    run = find(store, identity_of(state, device, segment, 0))
    while run >= 0:
        if store.runs.first[run] < end and store.runs.end[run] > first:
            length = store.runs.end[run] - store.runs.first[run]
            queue = AGAIN if state.tiers.devices.learns[device] else ONCE
            if queue != kept.queue[run]:
                _change_length(state, run, -length)
                kept.queue[run] = queue
                _change_length(state, run, length)
            unlink(store, run)
            append(store, list_of(device, queue), run)
        run = store.runs.next_copy[run]


@kernel
def ready_us(state: State, device: int, segment: int, first: int, end: int) -> int:
    """When all of these blocks that are on the device have been written."""
    latest_us, run = 0, find(state.tier_store, identity_of(state, device, segment, 0))
    while run >= 0:
        if state.tier_store.runs.first[run] < end and state.tier_store.runs.end[run] > first:
            latest_us = max(latest_us, state.tiers.runs.ready_us[run])
        run = state.tier_store.runs.next_copy[run]
    return latest_us


@kernel
def queue_for(state: State, device: int, segment: int, first: int, end: int, was_in: int) -> int:
    """The list for blocks that are to be put on a device, from whose list `was_in` they were taken, -1 if from none."""
    devices, runs = state.tiers.devices, state.tier_store.runs
    if not devices.learns[device]:
        return ONCE
    found, ghost = take_out(state, identity_of(state, device, segment, 1), first, end)
    if found > 0:
        once, again = runs.references[list_of(device, GHOST_ONCE)], runs.references[list_of(device, GHOST_AGAIN)]
        target = devices.ghost_target[device]
        if ghost == GHOST_ONCE:
            target += found * max(1.0, again / max(1.0, once + found))
        else:
            target -= found * max(1.0, once / max(1.0, again + found))
        devices.ghost_target[device] = max(0.0, min(float(devices.capacity_blocks[device]), target))
    return AGAIN if found > 0 or was_in >= 0 else ONCE


@kernel
def put_unshared(state: State, device: int, queue: int, blocks: int) -> None:
    """Put blocks that nobody else can find at the end of a list."""
    append_keyless(state.tier_store, list_of(device, queue), blocks)
    _count(state, device, queue, blocks)


@kernel
def _giving_list(state: State, device: int) -> int:
    """From which list blocks go next: of those used once if there are as many as there should be."""
    lengths = state.tier_store.runs.references
    once, again = lengths[list_of(device, ONCE)], lengths[list_of(device, AGAIN)]
    gives_once = once >= max(1, int(state.tiers.devices.ghost_target[device]))
    return ONCE if once > 0 and (gives_once or again == 0) else AGAIN


@kernel
def evict(state: State, device: int, count: int, now_us: int) -> tuple[int, int, int]:
    """Take the blocks out that go first, `count` at most, those of one run.

    Returns
    -------
    tuple of int
        Their segment, and their places there from the first to one behind the last: none if the first to go is still
        being written, or nothing is there. The names are remembered where a device learns from them.
    """
    runs, queue = state.tier_store.runs, _giving_list(state, device)
    head = list_of(device, queue)
    run, unshared = runs.next[head], min(count, runs.keyless_after[head])
    if unshared > 0:
        runs.keyless_after[head] -= unshared
        _count_evicted(state, device, queue, unshared)
        if state.tiers.devices.learns[device]:
            put_unshared(state, device, queue + GHOST_ONCE, unshared)
            _cut_ghosts(state, device, queue + GHOST_ONCE)
        return UNSHARED, 0, unshared
    if run == head or state.tiers.runs.ready_us[run] > now_us:
        return UNSHARED, 0, 0
    identity, end = runs.identity[run], runs.end[run]
    taken = min(count, end - runs.first[run])
    _count_evicted(state, device, queue, taken)
    if taken < end - runs.first[run]:
        runs.end[run] -= taken
    else:
        _remove(state, run)
    if state.tiers.devices.learns[device]:
        take_out(state, identity + 1, end - taken, end)
        put(state, identity + 1, queue + GHOST_ONCE, end - taken, end, 0)
        _cut_ghosts(state, device, queue + GHOST_ONCE)
    return segment_of(state, identity), end - taken, end


@kernel
def _count_evicted(state: State, device: int, queue: int, blocks: int) -> None:
    _count(state, device, queue, -blocks)
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
            _count(state, device, queue, -unshared)
            continue
        dropped = min(excess, runs.end[oldest] - runs.first[oldest])
        _count(state, device, queue, -dropped)
        if dropped < runs.end[oldest] - runs.first[oldest]:
            runs.end[oldest] -= dropped
        else:
            _remove(state, oldest)


@kernel
def forget_device(state: State, device: int) -> None:
    """Let nothing lie on a device, and nothing be remembered of it."""
    runs, devices = state.tier_store.runs, state.tiers.devices
    devices.forgotten_blocks[device] += devices.blocks[device]
    for queue in range(N_LISTS):
        head = list_of(device, queue)
        while runs.next[head] != head:
            run = runs.next[head]
            _change_length(state, run, runs.first[run] - runs.end[run])
            _remove(state, run)
        _count(state, device, queue, -runs.keyless_after[head])
        runs.keyless_after[head] = 0
    devices.ghost_target[device] = 0.0
