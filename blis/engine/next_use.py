"""When blocks will be used again, which nobody can know: for the clairvoyant control alone.

The next use of a segment on an instance is the first arrival, in the order of arrival, of a request that has the
segment, has not been taken yet, and has not been sent elsewhere. Requests that wait have arrived: they come before all.
"""

from typing import Any

import numpy as np

from blis.engine._jit import kernel
from blis.engine.codes import COMPLETED, NEVER_US, NOT_STARTED, QUEUED
from blis.engine.state import State, Workload
from blis.engine.views import World
from blis.foundation.units import Int64Vector


def users_by_segment(workload: Workload) -> Int64Vector:
    """For each segment the requests that have it, in the order of arrival.

    Returns
    -------
    int64 (2 s + 1 + number of entries,)
        Where each of the s segments begins, and where the last ends; how many of each are known to be past, zeros; and
        from there on the requests.
    """
    offsets = workload.segment_offsets
    segments = workload.segments[: offsets[-1]]
    n_segments = len(workload.segment_end)
    requests = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    order: Any = np.argsort(segments, kind="stable")
    starts = np.searchsorted(segments[order], np.arange(n_segments + 1)) + 2 * n_segments + 1
    return np.concatenate([starts, np.zeros(n_segments, np.int64), requests[order]]).astype(np.int64)


@kernel
def next_use_us(world: World, state: State, instance: int, identity: int, request: int, returns: int) -> int:
    """When blocks of a run are needed next on an instance; `request` has just given them back."""
    n_segments = world.settings.n_segments
    segment = identity // world.settings.n_instances
    if identity < 0 or segment >= n_segments:
        return state.requests.arrival_us[request] if returns and identity >= 0 else NEVER_US
    users, requests = state.kept.users, state.requests
    earliest_us = requests.arrival_us[request] if returns else NEVER_US
    first, end = users[segment], users[segment + 1]
    past = users[n_segments + 1 + segment]
    while first + past < end and requests.status[users[first + past]] >= COMPLETED:
        past += 1
    users[n_segments + 1 + segment] = past
    for entry in range(first + past, end):
        user = users[entry]
        if user == request or (requests.status[user] != NOT_STARTED and requests.status[user] != QUEUED):
            continue
        if requests.instance[user] < 0 or requests.instance[user] == instance:
            return min(earliest_us, requests.arrival_us[user])
    return earliest_us
