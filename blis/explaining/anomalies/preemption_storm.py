"""Running requests lose their work again and again."""

import numpy as np

from blis.explaining.anomalies import MOST_EXAMPLES, Evidence, Example, Finding
from blis.explaining.anomalies._windows import windows

COMPATIBLE = False
FEWEST = 10
SHARE = 0.2
RULE = (
    f"in a window of time an instance preempted {FEWEST} requests or more, and more than {SHARE:.0%} of those that "
    "it took"
)


def find(evidence: Evidence) -> Finding:
    """Count such windows of an instance; the rate is their share of all windows of all instances."""
    outcome, n = evidence.outcome, len(evidence.cluster.instances)
    assert outcome.trace is not None
    cut, preemptions, samples = windows(outcome.end_us), outcome.trace.preemptions, outcome.trace.samples
    lost, taken = np.zeros((n, cut.count), np.int64), np.zeros((n, cut.count), np.int64)
    tokens = np.zeros((n, cut.count), np.int64)
    np.add.at(lost, (preemptions.instance, cut.of(preemptions.clock_us)), 1)
    np.add.at(tokens, (preemptions.instance, cut.of(preemptions.clock_us)), preemptions.lost_tokens)
    np.add.at(taken, (samples.instance, cut.of(samples.clock_us)), samples.taken_requests)
    instance, window = np.nonzero((lost >= FEWEST) & (lost > SHARE * taken))
    order = np.argsort(-lost[instance, window], kind="stable")[:MOST_EXAMPLES]
    examples = tuple(
        Example(
            f"instance_{i} preempted {lost[i, w]} requests while it took {taken[i, w]}; "
            f"{tokens[i, w]:,} stored tokens were lost",
            cut.start_s(int(w)), None, int(i),
        )
        for i, w in zip(instance[order], window[order], strict=True)
    )  # fmt: skip
    return Finding(len(instance), len(instance) / (n * cut.count), "windows of instances", examples)
