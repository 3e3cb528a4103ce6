"""A request waits far longer than others while many that came after it are served."""

import numpy as np

from blis.anomalies import MOST_EXAMPLES, Evidence, Example, Finding
from blis.units import US_PER_MS, US_PER_S

COMPATIBLE = False
OVERTAKEN = 20
FACTOR = 10
LEAST_WAIT_US = 1_000_000
MOST_JUDGED = 2_000
RULE = (
    f"a request waited for a second or more, more than {FACTOR} times the median of its instance, while {OVERTAKEN} "
    "or more that arrived there later were taken before it"
)


def find(evidence: Evidence) -> Finding:
    """Count such requests; the rate is their share of those routed."""
    outcome, number = evidence.outcome, evidence.requests.number
    done = outcome.requests
    taken_us = np.where(done.scheduling_delay_us >= 0, done.arrival_us + done.scheduling_delay_us, outcome.end_us + 1)
    waited_us = taken_us - done.arrival_us
    starved = []
    for instance in range(len(evidence.cluster.instances)):
        here = np.flatnonzero(done.instance == instance)
        if not len(here):
            continue
        bound_us = max(LEAST_WAIT_US, FACTOR * float(np.median(waited_us[here])))
        suspects = here[waited_us[here] > bound_us]
        suspects = suspects[np.argsort(-waited_us[suspects], kind="stable")[:MOST_JUDGED]]
        for request in suspects.tolist():
            later = here[done.arrival_us[here] > done.arrival_us[request]]
            overtaken = int((taken_us[later] < taken_us[request]).sum())
            if overtaken >= OVERTAKEN:
                starved.append((int(waited_us[request]), request, overtaken))
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
