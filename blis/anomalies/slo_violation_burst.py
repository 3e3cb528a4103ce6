"""For a while, most of the requests that are let in miss their targets."""

import numpy as np

from blis.anomalies import MOST_EXAMPLES, Evidence, Example, Finding
from blis.anomalies._windows import merged, windows
from blis.engine.codes import REJECTED

COMPATIBLE = False
FEWEST = 10
SHARE = 0.5
RULE = (
    f"over one or more windows of time {SHARE:.0%} or more of at least {FEWEST} admitted arrivals did not complete "
    "within the targets of their class"
)


def find(evidence: Evidence) -> Finding:
    """Count such stretches; the rate is the share of windows with enough arrivals that belong to one."""
    done, cut = evidence.outcome.requests, windows(evidence.outcome.end_us)
    assert evidence.outcome.trace is not None
    if evidence.meets_slo is None:
        return Finding(0, None, "windows with arrivals")
    arrived = evidence.outcome.trace.admissions.request
    admitted = arrived[done.status[arrived] != REJECTED]
    met = np.asarray(evidence.meets_slo)[admitted]
    window = cut.of(done.arrival_us[admitted])
    came = np.bincount(window, minlength=cut.count)
    missed = np.bincount(window[~met], minlength=cut.count)
    judged = came >= FEWEST
    flagged = judged & (missed >= SHARE * came)
    stretches = [(int(missed[a : b + 1].sum()), int(came[a : b + 1].sum()), a, b) for a, b in merged(flagged)]
    stretches.sort(key=lambda one: (-one[0], one[2]))
    examples = tuple(
        Example(
            f"{lost} of {n} admitted arrivals until {cut.start_s(b + 1):.0f} s missed their targets", cut.start_s(a)
        )
        for lost, n, a, b in stretches[:MOST_EXAMPLES]
    )
    n_judged = int(np.count_nonzero(judged))
    return Finding(
        len(stretches), int(flagged.sum()) / n_judged if n_judged else None, "windows with arrivals", examples
    )
