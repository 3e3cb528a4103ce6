"""What lies on the devices of the tiers: blocks in the order of their last use, and which of them goes first.

It is a block store with four lists for each device: blocks that were used once, blocks that were used again, and, where
a device learns how many of each there should be, the names of those evicted from either. The least recently used block
goes first; a device that does not learn has everything in the first list. Neighbours of one segment that were used one
right after the other, the last one first, are one run, which therefore gives its last block first. The length of a
list, in blocks, is kept as its head's `references`. Runs of one segment on a device never overlap, and their chain is
in the order of their places. Blocks that no other request can find have no keys and are only counted, but take room and
have their turn like any other.

Source of the learning rule: N. Megiddo and D. S. Modha, "ARC", FAST 2003, as vLLM has it for its CPU tier
(`v1/kv_offload/cpu/policies/arc.py`). Differs from that in that a block which comes back counts as used again.
"""

from blis.engine._jit import kernel
from blis.engine.block_index import find, set_index
from blis.engine.block_runs import append, append_copy, append_keyless, new_run, recycle, remove_copy, split, unlink
from blis.engine.codes import NEVER_US
from blis.engine.state import State

N_LISTS = 4
UNSHARED = -1  #: instead of a segment: of blocks that nobody else can find
ONCE, AGAIN, GHOST_ONCE, GHOST_AGAIN = range(N_LISTS)
OWN_LIST = -1  #: instead of a list: the one in which a block is


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
def run_before(state: State, identity: int, end: int) -> int:
    """The last of a segment's runs that begins before a place; -1 if none does."""
    runs, lowest = state.tier_store.runs, find(state.tier_store, identity)
    if lowest < 0:
        return -1
    run = runs.previous_copy[lowest]
    while runs.first[run] >= end:
        if run == lowest:
            return -1
        run = runs.previous_copy[run]
    return run


@kernel
def _run_below(state: State, run: int) -> int:
    """The run of the same segment that lies below another; -1 if none does."""
    lowest = find(state.tier_store, state.tier_store.runs.identity[run])
    return -1 if run == lowest else state.tier_store.runs.previous_copy[run]


@kernel
def held_end(state: State, device: int, segment: int, place: int, end: int) -> int:
    """First place of a segment from `place` on, `end` at most, whose block is not on the device."""
    runs, run = state.tier_store.runs, find(state.tier_store, identity_of(state, device, segment, 0))
    while run >= 0 and runs.first[run] <= place < end:
        place = max(place, runs.end[run])
        run = runs.next_copy[run]
    return min(place, end)


@kernel
def next_held(state: State, device: int, segment: int, place: int, end: int) -> int:
    """First place of a segment from `place` on, `end` if there is none, whose block is on the device."""
    runs, run = state.tier_store.runs, find(state.tier_store, identity_of(state, device, segment, 0))
    while run >= 0 and runs.end[run] <= place:
        run = runs.next_copy[run]
    return min(end, max(place, runs.first[run])) if run >= 0 else end


@kernel
def piece_below(state: State, device: int, segment: int, first: int, end: int) -> tuple[int, bool]:
    """Where the longest piece of a segment begins, from `first` on, that ends at `end` and is there, or is not."""
    runs, run = state.tier_store.runs, run_before(state, identity_of(state, device, segment, 0), end)
    if run < 0 or runs.end[run] <= first:
        return first, False
    if runs.end[run] < end:
        return runs.end[run], False
    return max(first, runs.first[run]), True


@kernel
def count(state: State, device: int, queue: int, by: int) -> None:
    """Count blocks more, or fewer, in a list."""
    state.tier_store.runs.references[list_of(device, queue)] += by
    if queue < GHOST_ONCE:
        state.tiers.devices.blocks[device] += by


@kernel
def change_length(state: State, run: int, by: int) -> None:
    """Count blocks of a run more, or fewer, in its list."""
    device = state.tier_store.runs.identity[run] // 2 % state.tiers.devices.shape[0]
    count(state, device, state.tiers.runs.queue[run], by)


@kernel
def remove(state: State, run: int) -> None:
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
def _between(state: State, run: int, first: int, end: int) -> int:
    """The part of a run that lies between two places, as a run of its own."""
    if state.tier_store.runs.end[run] > end:
        run = _cut(state, run, end)
    if state.tier_store.runs.first[run] < first:
        _cut(state, run, first)
    return run


@kernel
def take_out(state: State, identity: int, first: int, end: int) -> tuple[int, int]:
    """Take the blocks of a segment from `first` to `end` out of a device, or out of what is remembered of it.

    Returns
    -------
    tuple of int
        How many there were, and the list of the last of them; -1 if there were none.
    """
    runs = state.tier_store.runs
    taken, queue, run = 0, -1, run_before(state, identity, end)
    while run >= 0 and runs.end[run] > first:
        below = _run_below(state, run)
        part = _between(state, run, first, end)
        taken += runs.end[part] - runs.first[part]
        queue = state.tiers.runs.queue[part] if queue < 0 else queue
        change_length(state, part, runs.first[part] - runs.end[part])
        remove(state, part)
        run = below
    return taken, queue


@kernel
def use(state: State, identity: int, first: int, end: int, queue: int, now_us: int) -> int:
    """Let those blocks of a segment that are there be the ones that were used last, the last one first.

    They go to the end of the list `queue`, or each to that of its own. Returns how many there are.
    """
    runs, kept = state.tier_store.runs, state.tiers.runs
    device = identity // 2 % state.tiers.devices.shape[0]
    used, run = 0, run_before(state, identity, end)
    while run >= 0 and runs.end[run] > first:
        below = _run_below(state, run)
        part = _between(state, run, first, end)
        length = runs.end[part] - runs.first[part]
        used += length
        if queue != OWN_LIST and queue != kept.queue[part]:
            change_length(state, part, -length)
            kept.queue[part] = queue
            change_length(state, part, length)
        unlink(state.tier_store, part)
        head = list_of(device, kept.queue[part])
        if _continues_last(state, head, identity, runs.end[part], kept.ready_us[part], now_us, NEVER_US):
            runs.first[runs.previous[head]] = runs.first[part]
            remove_copy(state.tier_store, part)
            recycle(state.tier_store, part)
        else:
            append(state.tier_store, head, part)
        run = below
    return used


@kernel
def _continues_last(
    state: State, head: int, identity: int, end: int, ready_us: int, now_us: int, begun_us: int
) -> bool:
    """Whether blocks up to `end` that are used now are one run with what was used last.

    They must have been written by the same write, which began then, or at the same time, or both already.
    """
    runs = state.tier_store.runs
    last = runs.previous[head]
    if last == head or runs.identity[last] != identity or runs.first[last] != end or runs.keyless_after[last] > 0:
        return False
    last_us = state.tiers.runs.ready_us[last]
    return last_us == ready_us or max(last_us, ready_us) <= now_us or last_us > begun_us


@kernel
def put(
    state: State, identity: int, queue: int, first: int, end: int, ready_us: int, now_us: int, begun_us: int
) -> None:
    """Put blocks that are not there at the end of a list: they will have been written by a write that began then."""
    store, kept = state.tier_store, state.tiers.runs
    device = identity // 2 % state.tiers.devices.shape[0]
    head = list_of(device, queue)
    count(state, device, queue, end - first)
    if _continues_last(state, head, identity, end, ready_us, now_us, begun_us):
        last = store.runs.previous[head]
        store.runs.first[last] = first
        kept.ready_us[last] = max(kept.ready_us[last], ready_us)
        return
    below = run_before(state, identity, first)
    run = new_run(store, identity, first, end)
    kept.ready_us[run], kept.queue[run] = ready_us, queue
    _enter_chain(state, below, run)
    append(store, head, run)


@kernel
def _enter_chain(state: State, below: int, run: int) -> None:
    """Put a run into its segment's chain behind the one below it, -1: it is the lowest."""
    store, runs = state.tier_store, state.tier_store.runs
    lowest = find(store, runs.identity[run])
    if lowest < 0:
        set_index(store, runs.identity[run], run)
    elif below < 0:
        runs.next_copy[run] = lowest
        runs.previous_copy[run] = runs.previous_copy[lowest]
        runs.previous_copy[lowest] = run
        set_index(store, runs.identity[run], run)
    elif runs.next_copy[below] < 0:
        append_copy(store, lowest, run)
    else:
        above = runs.next_copy[below]
        runs.next_copy[below], runs.previous_copy[run] = run, below
        runs.next_copy[run], runs.previous_copy[above] = above, run


@kernel
def ready_us(state: State, device: int, segment: int, first: int, end: int) -> int:
    """When all of these blocks that are on the device have been written."""
    runs, latest_us = state.tier_store.runs, 0
    run = run_before(state, identity_of(state, device, segment, 0), end)
    while run >= 0 and runs.end[run] > first:
        latest_us = max(latest_us, state.tiers.runs.ready_us[run])
        run = _run_below(state, run)
    return latest_us


@kernel
def put_unshared(state: State, device: int, queue: int, blocks: int) -> None:
    """Put blocks that nobody else can find at the end of a list."""
    append_keyless(state.tier_store, list_of(device, queue), blocks)
    count(state, device, queue, blocks)


@kernel
def forget_device(state: State, device: int) -> None:
    """Let nothing lie on a device, and nothing be remembered of it."""
    runs, devices = state.tier_store.runs, state.tiers.devices
    devices.forgotten_blocks[device] += devices.blocks[device]
    for queue in range(N_LISTS):
        head = list_of(device, queue)
        while runs.next[head] != head:
            run = runs.next[head]
            change_length(state, run, runs.first[run] - runs.end[run])
            remove(state, run)
        count(state, device, queue, -runs.keyless_after[head])
        runs.keyless_after[head] = 0
    devices.ghost_target[device] = 0.0
