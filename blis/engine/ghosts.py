"""What an instance has evicted from each of its queues of late: the names of the blocks, without the blocks.

It is a block store with one list for each instance and queue, the latest eviction at its end. The length of a list, in
blocks, is kept with the queue; the queue of a run is its `references`. Blocks that no other request shares are counted
as the others are: they push the others out of a list, though nobody will ask for them.
"""

from blis.engine._jit import kernel
from blis.engine.block_index import find, set_index
from blis.engine.block_runs import append, append_copy, append_keyless, new_run, recycle, remove_copy, unlink
from blis.engine.queues import queue_place
from blis.engine.state import State
from blis.engine.views import World

_THOUSAND = 1000


@kernel
def remember(world: World, state: State, instance: int, queue: int, identity: int, first: int, end: int) -> None:
    """Put blocks that are evicted from a queue at the end of its list, and cut the list to its length."""
    ghosts, place = state.ghosts, queue_place(instance, queue)
    if identity < 0:
        append_keyless(ghosts, place, end - first)
    else:
        _forget_between(state, instance, identity, first, end)
        _append_run(state, place, queue, identity, first, end)
    state.kept.queues.ghost_blocks[place] += end - first
    most = world.limits.total_blocks[instance] * world.settings.ghost_permille // _THOUSAND
    _forget_oldest(state, place, state.kept.queues.ghost_blocks[place] - most)


@kernel
def _append_run(state: State, place: int, queue: int, identity: int, first: int, end: int) -> None:
    """Put blocks at the end of a list, as one with the last run there if they are what came before it."""
    ghosts = state.ghosts
    runs, last = ghosts.runs, ghosts.runs.previous[place]
    if runs.identity[last] == identity and runs.first[last] == end and runs.keyless_after[last] == 0:
        runs.first[last] = first
        return
    oldest = find(ghosts, identity)
    run = new_run(ghosts, identity, first, end)
    runs.references[run] = queue
    if oldest >= 0:
        append_copy(ghosts, oldest, run)
    else:
        set_index(ghosts, identity, run)
    append(ghosts, place, run)


@kernel
def recall(state: State, instance: int, identity: int, first: int, end: int) -> tuple[int, int]:
    """Forget blocks that have come back.

    Returns
    -------
    tuple of int
        The queue from which the first of them was evicted that is remembered, -1 if none is; and how many are.
    """
    ghosts = state.ghosts
    queue, first_place, found = -1, end, 0
    run = find(ghosts, identity)
    while run >= 0:
        low, high = max(first, ghosts.runs.first[run]), min(end, ghosts.runs.end[run])
        if low < high:
            found += high - low
            if low < first_place:
                queue, first_place = ghosts.runs.references[run], low
        run = ghosts.runs.next_copy[run]
    if found > 0:
        _forget_between(state, instance, identity, first, end)
    return queue, found


@kernel
def _forget_between(state: State, instance: int, identity: int, first: int, end: int) -> None:
    """Forget the blocks of a segment from `first` to `end`; of a run that reaches beyond both, also those above."""
    ghosts = state.ghosts
    runs = ghosts.runs
    run = find(ghosts, identity)
    while run >= 0:
        following, place = runs.next_copy[run], queue_place(instance, runs.references[run])
        before = runs.end[run] - runs.first[run]
        if runs.first[run] < first:
            runs.end[run] = min(runs.end[run], first)
        elif runs.first[run] < end:
            runs.first[run] = min(end, runs.end[run])
        left = runs.end[run] - runs.first[run]
        state.kept.queues.ghost_blocks[place] -= before - left
        if left == 0:
            _remove(state, run)
        run = following


@kernel
def forget_evicted(state: State, place: int) -> None:
    """Forget all that was evicted from a queue."""
    _forget_oldest(state, place, state.kept.queues.ghost_blocks[place])


@kernel
def _forget_oldest(state: State, place: int, count: int) -> None:
    """Forget the `count` oldest blocks of a list, if that is any."""
    ghosts, queues = state.ghosts, state.kept.queues
    runs = ghosts.runs
    while count > 0:
        keyless = min(count, runs.keyless_after[place])
        runs.keyless_after[place] -= keyless
        queues.ghost_blocks[place] -= keyless
        count -= keyless
        if count > 0:
            run = runs.next[place]
            dropped = min(count, runs.end[run] - runs.first[run])
            runs.end[run] -= dropped
            queues.ghost_blocks[place] -= dropped
            count -= dropped
            if runs.first[run] == runs.end[run]:
                _remove(state, run)


@kernel
def _remove(state: State, run: int) -> None:
    unlink(state.ghosts, run)
    remove_copy(state.ghosts, run)
    recycle(state.ghosts, run)
