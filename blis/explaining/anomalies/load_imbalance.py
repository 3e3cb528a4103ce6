"""One instance has a queue while another has room."""

import numpy as np

from blis.explaining.anomalies import MOST_EXAMPLES, Evidence, Example, Finding
from blis.explaining.anomalies._windows import serves_throughout, window_means, windows

COMPATIBLE = False
#: Waiting requests, on average over a window, from which an instance counts as crowded.
CROWDED_REQUESTS = 2.0
#: The crowded instance has more than this many times the load of the least loaded.
FACTOR = 2.0
RULE = (
    f"over a window of time an instance had {CROWDED_REQUESTS:g} requests or more waiting on average, and more than "
    f"{FACTOR:g} times the load (waiting and running) of another on which fewer than half a request waited"
)


def find(evidence: Evidence) -> Finding:
    """Count such windows; the rate is their share of all."""
    outcome, n = evidence.outcome, len(evidence.cluster.instances)
    assert outcome.trace is not None
    cut = windows(outcome.end_us)
    queued = window_means(cut, outcome.trace.samples, "queued_requests", n)
    load = queued + window_means(cut, outcome.trace.samples, "running_requests", n)
    is_there = serves_throughout(cut, evidence.cluster, outcome.fleet_events)
    crowded = np.argmax(np.where(is_there, load, -1.0), axis=0)
    idlest = np.argmin(np.where(is_there, load, np.inf), axis=0)
    every = np.arange(cut.count)
    flagged = (queued[crowded, every] >= CROWDED_REQUESTS) & (queued[idlest, every] < 0.5)
    flagged &= load[crowded, every] > FACTOR * load[idlest, every]
    where = np.flatnonzero(flagged) if n > 1 else np.empty(0, np.int64)
    routed = outcome.trace.routings
    worst = where[np.argsort(load[idlest[where], where] - load[crowded[where], where], kind="stable")[:MOST_EXAMPLES]]
    examples = []
    for window in worst.tolist():
        here = routed.instance[cut.of(routed.clock_us) == window]
        share = f", which got {(here == crowded[window]).mean():.0%} of the routings" if len(here) else ""
        text = (
            f"instance_{crowded[window]}{share} had {queued[crowded[window], window]:.1f} requests waiting and "
            f"{load[crowded[window], window]:.1f} in all, instance_{idlest[window]} {load[idlest[window], window]:.1f}"
        )
        examples.append(Example(text, cut.start_s(window), None, int(crowded[window])))
    return Finding(len(where), len(where) / cut.count if n > 1 else None, "windows of the run", tuple(examples))
