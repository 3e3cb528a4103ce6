"""Head-of-line blocking as the published counter has it: by mean queue lengths."""

from blis.explaining.anomalies import Evidence, Finding
from blis.metrics.published_anomalies import head_of_line_blocking

COMPATIBLE = True
RULE = "instances whose mean queue over their steps exceeds twice the mean over all instances; idle ones count as 0"


def find(evidence: Evidence) -> Finding:
    """Count the instances."""
    count = head_of_line_blocking(evidence.outcome.instances, counts_idle=True)
    return Finding(count, count / len(evidence.cluster.instances), "instances")
