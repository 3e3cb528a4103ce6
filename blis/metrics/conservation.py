"""No request is lost or made: each one injected is completed, running, queued, rejected, dropped or not started."""

import numpy as np

from blis.engine.codes import STATUS_NAMES
from blis.foundation.errors import LawBrokenError
from blis.foundation.units import Int64Vector
from blis.outcome import Outcome

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


def check_conservation(outcome: Outcome, n_injected: int) -> None:
    """Compare the requests' statuses with what instances and router counted on their own.

    Raises
    ------
    LawBrokenError
        If a request was lost, made, or counted twice.
    """
    instances = outcome.instances
    counts = status_counts(outcome.requests.status)
    counted = {
        "queued_requests": int(instances.queued_requests.sum()),
        "running_requests": int(instances.running_requests.sum()),
        "completed_requests": int(instances.completed_requests.sum()),
        "dropped_requests": int(instances.dropped_requests.sum()),
        "rejected_requests": outcome.n_rejected,
    }
    for key, number in counted.items():
        if counts[key] != number:
            raise LawBrokenError(
                f"conservation: {key} must be {counts[key]}, the requests in that state; instances and router counted "
                f"{number}. This is a bug of the simulator."
            )
    total = sum(counts[key] for key in KEYS)
    if total != n_injected:
        raise LawBrokenError(
            f"conservation: {n_injected} requests were injected, but {total} are accounted for. This is a bug of the "
            "simulator."
        )
