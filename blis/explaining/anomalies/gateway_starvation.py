"""A request waits at the gateway far longer than others while many that joined the queue after it leave it."""

import numpy as np

from blis.explaining.anomalies import MOST_EXAMPLES, Evidence, Example, Finding
from blis.explaining.anomalies.starvation import overtaken_by
from blis.foundation.units import US_PER_MS, US_PER_S

COMPATIBLE = False
OVERTAKEN = 20
FACTOR = 10
LEAST_WAIT_US = 1_000_000
RULE = (
    f"a request waited at the gateway for a second or more, more than {FACTOR} times the median, while {OVERTAKEN} or "
    "more that joined the queue later left it before"
)


def applies(evidence: Evidence) -> bool:
    """Whether there is a gateway."""
    return evidence.outcome.gateway is not None


def find(evidence: Evidence) -> Finding:
    """Count such requests; the rate is their share of those that joined the queue."""
    gateway, requests, outcome = evidence.outcome.gateway, evidence.requests, evidence.outcome
    assert gateway is not None
    rows = np.flatnonzero(gateway.enqueued_us >= 0)
    rows = rows[np.argsort(gateway.enqueued_us[rows], kind="stable")]
    sent_us, ended_us = gateway.dispatched_us[rows], gateway.ended_us[rows]
    left_us = np.where(sent_us >= 0, sent_us, np.where(ended_us >= 0, ended_us, outcome.end_us + 1))
    waited_us = left_us - gateway.enqueued_us[rows]
    bound_us = max(LEAST_WAIT_US, FACTOR * float(np.median(waited_us))) if len(rows) else 0.0
    overtaken = overtaken_by(left_us)
    found = np.flatnonzero((waited_us > bound_us) & (overtaken >= OVERTAKEN))
    worst = found[np.lexsort((rows[found], -waited_us[found]))][:MOST_EXAMPLES]
    examples = tuple(
        Example(
            f"request_{requests.number[request]} of {requests.tenants[requests.tenant[request]] or 'no tenant'} waited "
            f"{waited / US_PER_MS:,.0f} ms at the gateway while {n_later} that came later left it",
            float(gateway.enqueued_us[request] / US_PER_S),
            int(requests.number[request]),
        )
        for request, waited, n_later in zip(rows[worst], waited_us[worst], overtaken[worst], strict=True)
    )
    return Finding(len(found), len(found) / len(rows) if len(rows) else None, "requests at the gateway", examples)
