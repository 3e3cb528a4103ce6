"""How many requests are completed, running, queued, rejected, dropped or not started: together all there are."""

import numpy as np

from blis.engine.codes import STATUS_NAMES
from blis.foundation.units import Int64Vector

#: Key of each count, in the order of `STATUS_NAMES`. Not started: not yet arrived, or on its way to a wait queue.
KEYS = (
    "not_started_requests",
    "queued_requests",
    "running_requests",
    "completed_requests",
    "rejected_requests",
    "dropped_requests",
)


def status_counts(status: Int64Vector) -> dict[str, int]:
    """How many requests are in each state."""
    counts = np.bincount(status, minlength=len(STATUS_NAMES))
    return dict(zip(KEYS, counts.tolist(), strict=True))
