"""The runs of free blocks that may go next, in an order by key: a pairing heap for each instance and queue.

It is threaded through the runs, so it needs no room of its own, and any run can leave it, since runs are used again.
Source: Fredman, Sedgewick, Sleator and Tarjan, "The pairing heap", Algorithmica 1 (1986).
"""

from blis.engine._jit import kernel
from blis.engine.fields import Records
from blis.engine.state import Kept


@kernel
def enter_evictable(kept: Kept, place: int, run: int) -> None:
    """Let a run be one of those that may go."""
    runs, queues = kept.runs, kept.queues
    runs.child[run], runs.next[run], runs.previous[run] = -1, -1, -1
    queues.root[place] = _meld(runs, queues.root[place], run)


@kernel
def leave_evictable(kept: Kept, place: int, run: int) -> None:
    """Take a run out of those that may go; it is one of them."""
    runs, queues = kept.runs, kept.queues
    if queues.root[place] == run:
        queues.root[place] = _melded_children(runs, run)
        return
    before, after = runs.previous[run], runs.next[run]
    if runs.child[before] == run:
        runs.child[before] = after
    else:
        runs.next[before] = after
    if after >= 0:
        runs.previous[after] = before
    queues.root[place] = _meld(runs, queues.root[place], _melded_children(runs, run))


@kernel
def _goes_first(runs: Records, one: int, other: int) -> bool:
    """Whether one run goes before another: by the lower key, then by what was given back earlier."""
    if runs.key[one] != runs.key[other]:
        return runs.key[one] < runs.key[other]
    return runs.order[one] < runs.order[other]


@kernel
def _meld(runs: Records, one: int, other: int) -> int:
    """Root of two heaps together; -1 is an empty one."""
    if one < 0:
        return other
    if other < 0:
        return one
    if _goes_first(runs, other, one):
        one, other = other, one
    first = runs.child[one]
    runs.next[other], runs.previous[other] = first, one
    if first >= 0:
        runs.previous[first] = other
    runs.child[one] = other
    return one


@kernel
def _melded_children(runs: Records, run: int) -> int:
    """Root of what lies below a run, melded in pairs from the left and then from the right."""
    pairs, child = -1, runs.child[run]
    while child >= 0:
        second = runs.next[child]
        rest = runs.next[second] if second >= 0 else -1
        _detach(runs, child)
        if second >= 0:
            _detach(runs, second)
        pair = _meld(runs, child, second)
        runs.next[pair] = pairs
        pairs, child = pair, rest
    merged = -1
    while pairs >= 0:
        rest = runs.next[pairs]
        runs.next[pairs] = -1
        merged = _meld(runs, merged, pairs)
        pairs = rest
    return merged


@kernel
def _detach(runs: Records, run: int) -> None:
    runs.next[run], runs.previous[run] = -1, -1
