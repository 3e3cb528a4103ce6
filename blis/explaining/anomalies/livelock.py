"""An instance preempts for ever and completes nothing; a horizon ended the run."""

import numpy as np

from blis.explaining.anomalies import Evidence, Example, Finding
from blis.foundation.units import US_PER_S

COMPATIBLE = False
FEWEST = 1_000
RULE = (
    f"at the end an instance had preempted {FEWEST:,} times or more since its last completion (without a horizon the "
    "run fails)"
)


def find(evidence: Evidence) -> Finding:
    """Count such instances; the rate is their share of all."""
    instances = evidence.outcome.instances
    where = np.flatnonzero(instances.idle_preemptions >= FEWEST)
    examples = tuple(
        Example(
            f"instance_{i} preempted {instances.idle_preemptions[i]:,} times since its last completion",
            float(instances.end_us[i] / US_PER_S), None, int(i),
        )
        for i in where.tolist()
    )  # fmt: skip
    return Finding(len(where), len(where) / len(instances.idle_preemptions), "instances", examples)
