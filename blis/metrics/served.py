"""What each request got, as one set of columns that can be cut into groups: by class, tenant, instance or model."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from blis.engine.codes import COMPLETED
from blis.engine.judging import judged
from blis.foundation.slo_targets import SloTargets
from blis.foundation.units import BoolVector, Float64Vector, Int32Vector, Int64Vector
from blis.outcome import Outcome
from blis.workload.requests import Requests


class Served(NamedTuple):
    """One entry per request; times are -1, or NaN, where they never came."""

    status: Int64Vector  #: index into blis.engine.codes.STATUS_NAMES
    arrived: BoolVector  #: whether it had arrived at the time of the last event
    meets_slo: BoolVector  #: whether it completed within all targets of its class
    lateness: Float64Vector  #: worst time over its target, see `blis.metrics.promise`
    promised_time_used: Float64Vector  #: E2E over what the targets allow; NaN where they do not bound it
    ttft_us: Int64Vector
    itl_mean_us: Float64Vector
    e2e_us: Int64Vector
    scheduling_delay_us: Int64Vector
    input_tokens: Int64Vector
    output_tokens: Int64Vector

    @property
    def completed(self) -> BoolVector:
        """Which requests completed."""
        found: BoolVector = self.status == COMPLETED
        return found


def served_requests(requests: Requests, outcome: Outcome, targets: SloTargets) -> Served:
    """The columns of all requests, in order of arrival.

    Whoever arrives after the last event (a horizon has cut the run), or waits for a request that has not ended, was
    never put to the cluster: no ratio counts it. A request meets its SLO if it completed with every time that it has
    within its class's target: one without output has no TTFT, one with fewer than two tokens no time between tokens.
    """
    rows = outcome.requests
    bounds_us = targets.bounds_us(requests.slo_classes)
    judgement = judged(
        rows.status, rows.arrival_us, rows.ttft_us, rows.itl_mean_us, rows.e2e_us, requests.output_tokens,
        requests.slo_class, bounds_us, outcome.end_us,
    )  # fmt: skip
    return Served(
        status=rows.status,
        **judgement._asdict(),
        ttft_us=rows.ttft_us,
        itl_mean_us=rows.itl_mean_us,
        e2e_us=rows.e2e_us,
        scheduling_delay_us=rows.scheduling_delay_us,
        input_tokens=requests.input_tokens,
        output_tokens=requests.output_tokens,
    )


def split(served: Served, labels: Int64Vector | Int32Vector, n_groups: int) -> Iterator[Served]:
    """The requests of label 0, 1 ... n_groups - 1, each group in order of arrival; other labels are in none."""
    order = np.argsort(labels, kind="stable")
    bounds = np.searchsorted(labels[order], np.arange(n_groups + 1))
    ordered = [column[order] for column in served]
    for first, last in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        yield Served._make(column[first:last] for column in ordered)
