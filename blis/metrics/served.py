"""What each request got, as one set of columns that can be cut into groups: by class, tenant, instance or model."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from blis.engine.codes import COMPLETED, NOT_STARTED
from blis.foundation.slo_targets import SloTargets
from blis.foundation.units import BoolVector, Float64Vector, Int32Vector, Int64Vector
from blis.metrics.promise import lateness, promised_time_used
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

    A request without output has no TTFT, one with fewer than two tokens no time between tokens: nothing to miss.

    Whoever arrives after the last event (a horizon has cut the run), or waits for a request that has not ended, was
    never put to the cluster: no ratio counts it.
    """
    rows = outcome.requests
    completed = rows.status == COMPLETED
    bounds_us = targets.bounds_us(requests.slo_classes)[requests.slo_class]
    times_us = np.column_stack([rows.ttft_us, rows.itl_mean_us, rows.e2e_us])
    return Served(
        status=rows.status,
        arrived=(rows.status != NOT_STARTED) | ((rows.arrival_us >= 0) & (rows.arrival_us <= outcome.end_us)),
        meets_slo=completed & ~(times_us > bounds_us).any(axis=1),  # false for NaN: nothing to miss
        lateness=lateness(times_us, bounds_us, completed),
        promised_time_used=promised_time_used(times_us[:, 2], requests.output_tokens, bounds_us, completed),
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
