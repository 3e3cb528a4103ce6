"""Runs of blocks: neighbours of one segment that came together, and are held, freed and evicted together.

A run lies in one segment of one instance and holds the blocks of the places `first` to `end` - 1. It is split where a
request shares only a part of it. Runs of one segment form a chain from the oldest to the youngest, and the index names
the oldest: where two hold the same block, the older one is found.

An instance's free list has its oldest block first. Within a run there the last block is the oldest, as a request frees
its last block first. Blocks that no other request can ever find are interchangeable, so they are only counted.
"""

from blis.engine._jit import kernel
from blis.engine.block_index import find, forget, set_index
from blis.engine.state import RUN_RECYCLED, RUNS_MADE, BlockStore

_NO_BOUND = 2**62


@kernel
def new_run(store: BlockStore, identity: int, first: int, end: int) -> int:
    """A run outside every list and chain; the caller has made sure that there is room."""
    runs = store.runs
    run = store.counters[RUN_RECYCLED]
    if run >= 0:
        store.counters[RUN_RECYCLED] = runs.next[run]
    else:
        run = store.counters[RUNS_MADE]
        store.counters[RUNS_MADE] += 1
    runs.identity[run] = identity
    runs.first[run] = first
    runs.end[run] = end
    runs.references[run] = 0
    runs.is_current[run] = 1
    runs.next_copy[run] = -1
    runs.previous_copy[run] = run
    runs.lower[run] = -1
    runs.keyless_after[run] = 0
    return run


@kernel
def recycle(store: BlockStore, run: int) -> None:
    """Give back a run that is outside every list and chain."""
    store.runs.next[run] = store.counters[RUN_RECYCLED]
    store.counters[RUN_RECYCLED] = run


@kernel
def append(store: BlockStore, head: int, run: int) -> None:
    """Put a run at the new end of the list of `head`."""
    runs = store.runs
    _insert_after(store, runs.previous[head], run)
    runs.keyless_after[run] = 0


@kernel
def _insert_after(store: BlockStore, before: int, run: int) -> None:
    runs = store.runs
    after = runs.next[before]
    runs.next[before] = run
    runs.previous[run] = before
    runs.next[run] = after
    runs.previous[after] = run


@kernel
def unlink(store: BlockStore, run: int) -> None:
    """Take a run out of its list; the keyless blocks behind it stay where they are."""
    runs = store.runs
    before, after = runs.previous[run], runs.next[run]
    runs.next[before] = after
    runs.previous[after] = before
    runs.keyless_after[before] += runs.keyless_after[run]
    runs.keyless_after[run] = 0


@kernel
def append_keyless(store: BlockStore, head: int, count: int) -> None:
    """Put `count` keyless blocks at the new end of the list of `head`."""
    store.runs.keyless_after[store.runs.previous[head]] += count


@kernel
def prepend_keyless(store: BlockStore, head: int, count: int) -> None:
    """Put `count` keyless blocks at the old end of the list of `head`: they are the next to be taken."""
    store.runs.keyless_after[head] += count


@kernel
def append_copy(store: BlockStore, oldest: int, run: int) -> None:
    """Put a run at the young end of the chain that begins with `oldest`."""
    runs = store.runs
    youngest = runs.previous_copy[oldest]
    runs.next_copy[youngest] = run
    runs.previous_copy[run] = youngest
    runs.previous_copy[oldest] = run


@kernel
def remove_copy(store: BlockStore, run: int) -> None:
    """Take a run out of its chain; the index then names the oldest one that is left, if any."""
    runs, identity = store.runs, store.runs.identity[run]
    before, after = runs.previous_copy[run], runs.next_copy[run]
    oldest = find(store, identity)
    if run != oldest:
        runs.next_copy[before] = after
        runs.previous_copy[after if after >= 0 else oldest] = before
    elif after >= 0:
        runs.previous_copy[after] = before
        set_index(store, identity, after)
    else:
        forget(store, identity)


@kernel
def split(store: BlockStore, run: int, place: int) -> int:
    """Cut a run in two at `place`, and return the new one, which holds the blocks below; a free one stays in its list.

    Whoever holds the run finds its lower part from the upper one, which keeps its number and its end.
    """
    runs, identity = store.runs, store.runs.identity[run]
    below = new_run(store, identity, runs.first[run], place)
    runs.first[run] = place
    runs.references[below] = runs.references[run]
    runs.lower[below] = runs.lower[run]
    runs.lower[run] = below
    before = runs.previous_copy[run]
    runs.next_copy[below] = run
    runs.previous_copy[below] = before
    runs.previous_copy[run] = below
    if find(store, identity) == run:
        if before == run:  # it was alone: the youngest is what the oldest one names
            runs.previous_copy[below] = run
        set_index(store, identity, below)
    else:
        runs.next_copy[before] = below
    if runs.references[run] == 0:
        _insert_after(store, run, below)
        runs.keyless_after[below] = runs.keyless_after[run]
        runs.keyless_after[run] = 0
    return below


@kernel
def join_list(store: BlockStore, head: int, run: int) -> None:
    """Put a freed run at the new end of the list of `head`, as one with the last run there if that continues it.

    They must have come one after the other too, or a third one's age could lie between theirs.
    """
    runs = store.runs
    last = runs.previous[head]
    if (
        runs.identity[last] == runs.identity[run]
        and runs.first[last] == runs.end[run]
        and runs.keyless_after[last] == 0
        and (runs.next_copy[run] == last or runs.next_copy[last] == run)
    ):
        runs.first[last] = runs.first[run]
        remove_copy(store, run)
        recycle(store, run)
    else:
        append(store, head, run)


@kernel
def covering(store: BlockStore, identity: int, place: int) -> tuple[int, int]:
    """Oldest run that holds the block at `place`, -1 if none does, and the place up to which it is the oldest."""
    runs, bound = store.runs, _NO_BOUND
    run = find(store, identity)
    while run >= 0:
        if runs.first[run] <= place < runs.end[run]:
            return run, min(runs.end[run], bound)
        if runs.first[run] > place:
            bound = min(bound, runs.first[run])
        run = runs.next_copy[run]
    return -1, place


@kernel
def covered_end(store: BlockStore, identity: int, place: int, end: int) -> int:
    """First place from `place` on, `end` at most, whose block is not there."""
    while place < end:
        run, place_after = covering(store, identity, place)
        if run < 0:
            break
        place = min(place_after, end)
    return place
