"""A request is taken from a wait queue while a strictly more urgent one waits that would have fitted in its place."""

import numpy as np

from blis.explaining.anomalies import MOST_EXAMPLES, Evidence, Example, Finding
from blis.foundation.units import US_PER_S

COMPATIBLE = False
RULE = (
    "a request was taken from an instance's queue while a more urgent one waited there that would have fitted in its "
    "place; more urgent by the order that the policies stand for at that moment, and among equals the older one"
)


def find(evidence: Evidence) -> Finding:
    """Count the requests taken wrongly; the rate is their share of all that were taken."""
    trace = evidence.outcome.trace
    assert trace is not None
    samples, number = trace.samples, evidence.requests.number
    where = np.flatnonzero(samples.inverted_requests > 0)
    taken = int(samples.taken_requests.sum(dtype=np.int64))
    count = int(samples.inverted_requests[where].sum(dtype=np.int64))
    arrival_us = evidence.outcome.requests.arrival_us
    waited_us = samples.clock_us[where] - arrival_us[samples.passed_request[where]]
    worst = where[np.argsort(-waited_us, kind="stable")[:MOST_EXAMPLES]]
    examples = []
    for entry in worst.tolist():
        one = samples[entry]
        waited_s = (one.clock_us - arrival_us[one.passed_request]) / US_PER_S
        text = (
            f"instance_{one.instance} took request_{number[one.inverted_request]} while the more urgent "
            f"request_{number[one.passed_request]} had been waiting for {waited_s:.3f} s"
        )
        examples.append(
            Example(text, float(one.clock_us / US_PER_S), int(number[one.passed_request]), int(one.instance))
        )
    return Finding(count, count / taken if taken else None, "requests taken from a queue", tuple(examples))
