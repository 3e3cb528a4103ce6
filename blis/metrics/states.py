"""How many requests are in each state that one can be in: together all there are.

Unroutable are those that were admitted when no instance could be sent them.
"""

from collections.abc import Sequence

from blis.engine.codes import GATEWAY_STATUSES, STATUS_NAMES

#: Key of each count, in the order of `STATUS_NAMES`. Not started: not yet arrived, or on its way to a wait queue.
KEYS = tuple(f"{name}_requests" for name in STATUS_NAMES)
#: Of those, what a cluster without a gateway does not have.
GATEWAY_KEYS = tuple(KEYS[status] for status in GATEWAY_STATUSES)


def named_counts(states: Sequence[int], has_gateway: bool) -> dict[str, int]:
    """How many requests are in each state, by key, from the numbers in the order of `STATUS_NAMES`."""
    counts = dict(zip(KEYS, states, strict=True))
    return counts if has_gateway else {key: count for key, count in counts.items() if key not in GATEWAY_KEYS}
