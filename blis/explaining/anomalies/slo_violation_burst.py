"""For a while, most of the requests of a class that are let in miss their targets."""

import numpy as np

from blis.engine.codes import COMPLETED, DROPPED, REJECTED
from blis.explaining.anomalies import MOST_EXAMPLES, Evidence, Example, Finding
from blis.explaining.anomalies._windows import merged, windows
from blis.foundation.units import BoolVector

COMPATIBLE = False
FEWEST = 10
SHARE = 0.5
RULE = (
    f"over one or more windows of time {SHARE:.0%} or more of at least {FEWEST} admitted arrivals of one class did not "
    "complete within its targets; those that a horizon cut off before they had missed any are not judged"
)


def find(evidence: Evidence) -> Finding:
    """Count such stretches of a class; the rate is the share of its windows with enough arrivals that belong to one."""
    requests, done, cut = evidence.requests, evidence.outcome.requests, windows(evidence.outcome.end_us)
    assert evidence.outcome.trace is not None
    if evidence.meets_slo is None:
        return Finding(0, None, "windows of classes with arrivals")
    arrived = evidence.outcome.trace.admissions.request
    judged = arrived[np.isin(done.status[arrived], (COMPLETED, DROPPED)) | _is_late(evidence)[arrived]]
    met, window = np.asarray(evidence.meets_slo)[judged], cut.of(done.arrival_us[judged])
    stretches, n_flagged, n_judged = [], 0, 0
    for place, name in enumerate(requests.slo_classes):
        here = requests.slo_class[judged] == place
        came = np.bincount(window[here], minlength=cut.count)
        missed = np.bincount(window[here & ~met], minlength=cut.count)
        enough = came >= FEWEST
        flagged = enough & (missed >= SHARE * came)
        n_flagged, n_judged = n_flagged + int(flagged.sum()), n_judged + int(enough.sum())
        stretches += [
            (int(missed[a : b + 1].sum()), int(came[a : b + 1].sum()), a, b, name or "unnamed")
            for a, b in merged(flagged)
        ]
    stretches.sort(key=lambda one: (-one[0], one[2], one[4]))
    examples = tuple(
        Example(
            f"{lost} of {n} admitted arrivals of class {name} until {cut.start_s(b + 1):.0f} s missed their targets",
            cut.start_s(a),
        )
        for lost, n, a, b, name in stretches[:MOST_EXAMPLES]
    )
    rate = n_flagged / n_judged if n_judged else None
    return Finding(len(stretches), rate, "windows of classes with arrivals", examples)


def _is_late(evidence: Evidence) -> BoolVector:
    """(n,) whether a request that has not completed had missed its TTFT or E2E target by the end of the run."""
    done = evidence.outcome.requests
    bounds_us = evidence.targets.bounds_us(evidence.requests.slo_classes)[evidence.requests.slo_class]
    waited_us = evidence.outcome.end_us - done.arrival_us
    ttft_us = np.where(done.ttft_us >= 0, done.ttft_us, waited_us)
    late: BoolVector = (ttft_us > bounds_us[:, 0]) | (waited_us > bounds_us[:, 2])
    late &= done.status != REJECTED
    return late
