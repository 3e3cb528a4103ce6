"""The runs of free blocks that may go next: a heap for each instance and queue, the lowest key first."""

from blis.engine._jit import kernel
from blis.engine.ranked_heap import melded, without
from blis.engine.state import Kept


@kernel
def enter_evictable(kept: Kept, place: int, run: int) -> None:
    """Let a run be one of those that may go."""
    runs = kept.runs
    runs.child[run], runs.next[run], runs.previous[run] = -1, -1, -1
    kept.queues.root[place] = melded(runs, kept.queues.root[place], run)


@kernel
def leave_evictable(kept: Kept, place: int, run: int) -> None:
    """Take a run out of those that may go; it is one of them."""
    kept.queues.root[place] = without(kept.runs, kept.queues.root[place], run)
