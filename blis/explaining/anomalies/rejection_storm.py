"""Most of what arrives is refused."""

import numpy as np

from blis.engine.codes import REJECTED
from blis.explaining.anomalies import MOST_EXAMPLES, Evidence, Example, Finding
from blis.explaining.anomalies._windows import merged, windows

COMPATIBLE = False
FEWEST = 10
SHARE = 0.5
RULE = f"over one or more windows of time {SHARE:.0%} or more of at least {FEWEST} arrivals were rejected"


def find(evidence: Evidence) -> Finding:
    """Count such stretches; the rate is the share of windows with enough arrivals that belong to one."""
    done, cut = evidence.outcome.requests, windows(evidence.outcome.end_us)
    assert evidence.outcome.trace is not None
    admissions = evidence.outcome.trace.admissions
    arrived = cut.counts(admissions.clock_us)
    rejected = cut.counts(admissions.clock_us[done.status[admissions.request] == REJECTED])
    judged = arrived >= FEWEST
    flagged = judged & (rejected >= SHARE * arrived)
    stretches = merged(flagged)
    sizes = [(int(rejected[a : b + 1].sum()), int(arrived[a : b + 1].sum()), a, b) for a, b in stretches]
    sizes.sort(key=lambda one: (-one[0], one[2]))
    examples = tuple(
        Example(f"{lost} of {came} arrivals were rejected until {cut.start_s(b + 1):.0f} s", cut.start_s(a))
        for lost, came, a, b in sizes[:MOST_EXAMPLES]
    )
    n_judged = int(np.count_nonzero(judged))
    return Finding(
        len(stretches), int(flagged.sum()) / n_judged if n_judged else None, "windows with arrivals", examples
    )
