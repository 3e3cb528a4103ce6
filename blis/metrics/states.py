"""How many requests are in each state that one can be in: together all there are.

Unroutable are those that were admitted when no instance could be sent them.
"""

from collections.abc import Sequence

#: Key of each count, in the order of `STATUS_NAMES`. Not started: not yet arrived, or on its way to a wait queue.
KEYS = (
    "not_started_requests",
    "queued_requests",
    "running_requests",
    "completed_requests",
    "rejected_requests",
    "dropped_requests",
    "unroutable_requests",
    "lost_requests",
)


def named_counts(states: Sequence[int]) -> dict[str, int]:
    """How many requests are in each state, by key, from the numbers in the order of `STATUS_NAMES`."""
    return dict(zip(KEYS, states, strict=True))
