"""A request for which there would be KV blocks waits behind one for which there are not."""

import numpy as np

from blis.explaining.anomalies import MOST_EXAMPLES, Evidence, Example, Finding
from blis.foundation.units import US_PER_S

COMPATIBLE = False
RULE = (
    "the first request of a queue lacked KV blocks while one behind it would have fitted; idle instances count as "
    "not blocked"
)


def find(evidence: Evidence) -> Finding:
    """Count the steps that left such a request waiting; the rate is the blocked share of all instances' time."""
    outcome, number = evidence.outcome, evidence.requests.number
    assert outcome.trace is not None
    samples = outcome.trace.samples
    where = np.flatnonzero(samples.blocked_request >= 0)
    total_us = len(evidence.cluster.instances) * outcome.end_us
    blocked_us = int(samples.length_us[where].sum())
    worst = where[np.argsort(-samples.queued_requests[where], kind="stable")[:MOST_EXAMPLES]]
    examples = []
    for entry in worst.tolist():
        one = samples[entry]
        text = (
            f"on instance_{one.instance} request_{number[one.fitting_request]} would have fitted but waited behind "
            f"request_{number[one.blocked_request]}, with {one.queued_requests} in the queue"
        )
        examples.append(
            Example(text, float(one.clock_us / US_PER_S), int(number[one.blocked_request]), int(one.instance))
        )
    return Finding(len(where), blocked_us / total_us if total_us else None, "instance time", tuple(examples))
