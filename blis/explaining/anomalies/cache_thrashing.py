"""Prefixes are computed again that the instance had in its cache before."""

import numpy as np

from blis.explaining.anomalies import MOST_EXAMPLES, Evidence, Example, Finding
from blis.foundation.units import US_PER_S, Int64Vector

COMPATIBLE = False
SHARE = 0.5
RULE = (
    f"a request found less than {1 - SHARE:.0%} of the prefix that its instance had computed before for others: the "
    "rest had been evicted"
)


def find(evidence: Evidence) -> Finding:
    """Count such requests; the rate is their share of those that could have found anything."""
    reusable = reusable_blocks(evidence)
    done, number = evidence.outcome.requests, evidence.requests.number
    could = reusable > 0
    lost = np.where(could, reusable - np.maximum(done.cached_blocks, 0), 0)
    where = np.flatnonzero(could & (lost > SHARE * reusable))
    worst = where[np.argsort(-lost[where], kind="stable")[:MOST_EXAMPLES]]
    examples = tuple(
        Example(
            f"request_{number[r]} found {max(0, done.cached_blocks[r])} of {reusable[r]} prefix blocks that "
            f"instance_{done.instance[r]} had computed before",
            float((done.arrival_us[r] + done.scheduling_delay_us[r]) / US_PER_S), int(number[r]), int(done.instance[r]),
        )
        for r in worst.tolist()
    )  # fmt: skip
    n_could = int(could.sum())
    return Finding(
        len(where), len(where) / n_could if n_could else None, "requests with a prefix computed before", examples
    )


def reusable_blocks(evidence: Evidence) -> Int64Vector:
    """(n,) leading prompt blocks that the request's instance had computed before it was taken; 0 for those never taken.

    A block counts as computed when the first request with it on the instance has its first token. Preempted requests
    are left out: what they find may be their own.
    """
    requests, done = evidence.requests, evidence.outcome.requests
    n, m = len(requests), len(evidence.cluster.instances)
    whole = np.minimum(np.diff(requests.key_offsets), (requests.input_tokens - 1) // requests.block_size_tokens)
    taken = (done.scheduling_delay_us >= 0) & (done.preemptions == 0)
    of = np.repeat(np.arange(n), np.diff(requests.key_offsets))
    block = np.arange(len(requests.keys)) - np.repeat(requests.key_offsets[:-1], np.diff(requests.key_offsets))
    here = taken[of] & (block < whole[of])
    of, block, key = of[here], block[here], requests.keys[here]
    if not len(of):
        return np.zeros(n, np.int64)
    _, place = np.unique(key * m + done.instance[of], return_inverse=True)
    ready_us = np.full(int(place.max()) + 1, np.iinfo(np.int64).max)
    first_us = np.where(done.ttft_us >= 0, done.arrival_us + done.ttft_us, np.iinfo(np.int64).max)
    np.minimum.at(ready_us, place, first_us[of])
    was_there = ready_us[place] <= (done.arrival_us + done.scheduling_delay_us)[of]
    reusable = np.where(taken, whole, 0)
    np.minimum.at(reusable, of[~was_there], block[~was_there])
    return reusable
