"""Signs of unfair or blocked service, counted as the reference programs count them."""

import numpy as np

from blis.engine.codes import COMPLETED
from blis.foundation.units import Int64Vector
from blis.outcome import InstanceOutcome, Outcome
from blis.workload.requests import Requests

#: An earlier request is inverted if its E2E exceeds a later one's by more than this factor.
INVERSION_FACTOR = 2
#: An instance blocks if its mean queue exceeds the mean over instances by more than this factor.
BLOCKING_FACTOR = 2.0


def inversions(outcome: Outcome, requests: Requests, within_class: bool) -> int:
    """Pairs of completed requests of one instance whose earlier arrival took more than twice as long."""
    rows = np.flatnonzero(outcome.requests.status == COMPLETED)
    group = outcome.requests.instance[rows].astype(np.int64)
    if within_class:
        group = group * max(1, len(requests.slo_classes)) + requests.slo_class[rows]
    by_group = np.argsort(group, kind="stable")
    e2e_us, group = outcome.requests.e2e_us[rows[by_group]], group[by_group]
    return sum(count_inverted(part) for part in np.split(e2e_us, np.flatnonzero(np.diff(group)) + 1))


def count_inverted(e2e_us: Int64Vector) -> int:
    """Pairs i < j with e2e_us[i] > 2 · e2e_us[j], by merging sorted halves: n log² n instead of n².

    Parameters
    ----------
    e2e_us : (n,) int64 [µs]
        In order of arrival.
    """
    distinct, rank = np.unique(e2e_us, return_inverse=True)
    least_rank = np.searchsorted(distinct, INVERSION_FACTOR * e2e_us, side="right")
    span = len(distinct) + 1
    position = np.arange(len(e2e_us))
    n_pairs, width = 0, 1
    while width < len(e2e_us):
        is_later = position // width % 2 == 1
        base = position // (2 * width) * span
        earlier = np.sort((base + rank)[~is_later])
        first = np.searchsorted(earlier, (base + least_rank)[is_later])
        end = np.searchsorted(earlier, base[is_later] + span)
        n_pairs += int((end - first).sum())
        width *= 2
    return n_pairs


def head_of_line_blocking(instances: InstanceOutcome, counts_idle: bool) -> int:
    """Instances whose mean queue over their steps exceeds twice the mean over instances."""
    pairs = zip(instances.queue_sum.tolist(), instances.steps.tolist(), strict=True)
    means = [queued / steps if steps else 0.0 for queued, steps in pairs if steps or counts_idle]
    if len(means) < 2:
        return 0
    bound = BLOCKING_FACTOR * (sum(means) / len(means))
    return sum(mean > bound for mean in means)
