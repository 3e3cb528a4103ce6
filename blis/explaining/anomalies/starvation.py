"""A request waits far longer than others while many that came after it are served."""

import numpy as np

from blis.explaining.anomalies import MOST_EXAMPLES, Evidence, Example, Finding
from blis.foundation.units import US_PER_MS, US_PER_S, Int64Vector

COMPATIBLE = False
OVERTAKEN = 20
FACTOR = 10
LEAST_WAIT_US = 1_000_000
RULE = (
    f"a request waited for a second or more, more than {FACTOR} times the median of its instance, while {OVERTAKEN} "
    "or more that arrived there later were taken before it"
)


def overtaken_by(taken_us: Int64Vector) -> Int64Vector:
    """How many later entries are smaller than each, by merging sorted halves: n log² n instead of n².

    Parameters
    ----------
    taken_us : (n,) int64 [µs]
        In order of arrival.
    """
    n = len(taken_us)
    rank = np.unique(taken_us, return_inverse=True)[1]
    position, counts, width = np.arange(n), np.zeros(n, np.int64), 1
    while width < n:
        is_later = position // width % 2 == 1
        base = position // (2 * width) * n
        later = np.sort((base + rank)[is_later])
        earlier = ~is_later
        first = np.searchsorted(later, base[earlier])
        counts[earlier] += np.searchsorted(later, (base + rank)[earlier]) - first
        width *= 2
    return counts


def find(evidence: Evidence) -> Finding:
    """Count such requests; the rate is their share of those routed."""
    outcome, number = evidence.outcome, evidence.requests.number
    done = outcome.requests
    taken_us = np.where(done.scheduling_delay_us >= 0, done.arrival_us + done.scheduling_delay_us, outcome.end_us + 1)
    waited_us = taken_us - done.arrival_us
    starved: list[tuple[int, int, int]] = []
    for instance in range(len(evidence.cluster.instances)):
        here = np.flatnonzero(done.instance == instance)
        if not len(here):
            continue
        bound_us = max(LEAST_WAIT_US, FACTOR * float(np.median(waited_us[here])))
        suspects = waited_us[here] > bound_us
        if suspects.any():
            here = here[np.argsort(done.arrival_us[here], kind="stable")]
            overtaken = overtaken_by(taken_us[here])
            found = (waited_us[here] > bound_us) & (overtaken >= OVERTAKEN)
            rows = here[found]
            starved += zip(waited_us[rows].tolist(), rows.tolist(), overtaken[found].tolist(), strict=True)
    starved.sort(key=lambda one: (-one[0], one[1]))
    examples = tuple(
        Example(
            f"request_{number[request]} waited {waited / US_PER_MS:,.0f} ms on instance_{done.instance[request]} while "
            f"{overtaken} that came later were taken",
            float(done.arrival_us[request] / US_PER_S), int(number[request]), int(done.instance[request]),
        )
        for waited, request, overtaken in starved[:MOST_EXAMPLES]
    )  # fmt: skip
    n_routed = int((done.instance >= 0).sum())
    return Finding(len(starved), len(starved) / n_routed if n_routed else None, "routed requests", examples)
