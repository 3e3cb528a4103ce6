"""Priority inversions as the published counter has them: by E2E, after the fact."""

from blis.explaining.anomalies import Evidence, Finding
from blis.metrics.published_anomalies import inversions

COMPATIBLE = True
RULE = (
    "pairs of completed requests of one instance and class of which the earlier took more than twice as long; 0 where "
    "the priority is constant. Long requests look like inversions to it: use priority-inversion"
)


def find(evidence: Evidence) -> Finding:
    """Count the pairs."""
    if evidence.policies["priority"].name == "constant":
        return Finding(0, None, "pairs")
    return Finding(inversions(evidence.outcome, evidence.requests, within_class=True), None, "pairs")
