"""What a finished run tells of its fleet: what happened when, and how long each instance was in which state."""

from typing import Any

import numpy as np

from blis.engine.codes import DRAINING, FAILED, LOADING, N_FLEET_EVENTS, WARM
from blis.engine.records import Records
from blis.engine.state import State
from blis.foundation.units import Int64Vector

#: The times, with the state that each is spent in.
LIFECYCLE_TIMES = {"loading_us": LOADING, "warm_us": WARM, "draining_us": DRAINING, "failed_us": FAILED}


def lifecycle_times(instances: Any, end_us: int) -> dict[str, Int64Vector]:
    """Time [µs] that each instance has spent in each state up to `end_us`, the time of the last event."""
    # Who drains and has nothing left has gone, though nobody has looked since.
    has_gone = (instances["lifecycle"] == DRAINING) & (instances["in_flight_requests"] == 0)
    until_us = np.where(has_gone, np.maximum(instances["clock_us"], instances["lifecycle_since_us"]), end_us)
    since_us = until_us - instances["lifecycle_since_us"]
    return {
        name: instances[name] + np.where(instances["lifecycle"] == lifecycle, since_us, 0)
        for name, lifecycle in LIFECYCLE_TIMES.items()
    }


def fleet_log(state: State) -> Records:
    """The log up to now, in the order of time."""
    events = state.fleet.events[: state.scratch.cluster[N_FLEET_EVENTS]]
    return events[np.argsort(events.clock_us, kind="stable")]
