"""How many requests are in each state that one can be in: together all there are.

Unroutable are those that were admitted when no instance could be sent them.
"""

from collections.abc import Sequence

from blis.cluster.instances import Cluster
from blis.engine.codes import (
    ENCODING_STATUSES,
    GATEWAY_STATUSES,
    MOVING_STATUSES,
    ONLINE_STATUSES,
    STATUS_NAMES,
    TIMED_OUT,
)

#: Key of each count, in the order of `STATUS_NAMES`. Not started: not yet arrived, or on its way to a wait queue.
KEYS = tuple(f"{name}_requests" for name in STATUS_NAMES)
#: Of those, what a cluster without a gateway does not have.
GATEWAY_KEYS = tuple(KEYS[status] for status in GATEWAY_STATUSES)
#: What a cluster in which no KV moves does not have.
MOVING_KEYS = tuple(KEYS[status] for status in MOVING_STATUSES)
#: What no run of a workload has.
ONLINE_KEYS = tuple(KEYS[status] for status in ONLINE_STATUSES)
#: What a cluster has not in which nobody encodes for others.
ENCODING_KEYS = tuple(KEYS[status] for status in ENCODING_STATUSES)


def absent_keys(cluster: Cluster) -> tuple[str, ...]:
    """Keys of the states in which no request of a cluster can be."""
    gateway, moving = GATEWAY_KEYS if cluster.gateway is None else (), () if cluster.moves_kv else MOVING_KEYS
    if cluster.request_timeout_us is not None:
        gateway = tuple(key for key in gateway if key != KEYS[TIMED_OUT])
    return gateway + moving + (() if cluster.encodes_apart else ENCODING_KEYS) + ONLINE_KEYS


def named_counts(states: Sequence[int], absent: Sequence[str] = ()) -> dict[str, int]:
    """How many requests are in each state, by key, from the numbers in the order of `STATUS_NAMES`; some left out."""
    return {key: count for key, count in zip(KEYS, states, strict=True) if key not in absent}
