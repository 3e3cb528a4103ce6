"""A run cut into pieces of time: what waited, ran and was held on each instance, and where requests were sent."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from blis.foundation.units import BoolVector, Float64Vector
from blis.output.page.files import is_text, numbers
from blis.output.page.folder import RunFolder

N_PIECES = 300
N_WINDOWS = 40
#: Pieces of all instances; large clusters are cut less finely, so that a page stays small.
MOST_CELLS = 20_000


@dataclass(frozen=True, slots=True)
class Load:
    """Means over pieces of time, (instances, pieces) each."""

    edges_s: Float64Vector  #: (pieces + 1,)
    queue: Float64Vector  #: requests
    batch: Float64Vector  #: requests
    kv_use: Float64Vector | None  #: share of the KV blocks; None without a trace


def load_over_time(run: RunFolder) -> Load:
    """The load of each instance: from the trace, or, without one, from the times of the requests.

    Then a request waits from its arrival until it is last taken from the queue, and runs until its E2E is over; what a
    preempted one ran before counts as waiting.
    """
    n = run.n_instances
    n_pieces = int(np.clip(MOST_CELLS // n, N_WINDOWS, N_PIECES))
    edges_us = np.linspace(0, max(run.end_us, 1.0), n_pieces + 1)
    if run.batches is not None:
        start_us, instance = numbers(run.batches, "clock_us"), numbers(run.batches, "instance")
        end_us = start_us + numbers(run.batches, "length_us")
        queue, batch, blocks = (
            _means_by_instance(start_us, end_us, numbers(run.batches, name), instance, n, edges_us)
            for name in ("queued_requests", "running_requests", "used_blocks")
        )
        total = np.array([block["kv_total_blocks"] for block in run.metrics["instances"]], np.float64)
        return Load(edges_us / 1e6, queue, batch, blocks / np.maximum(total, 1)[:, None])
    served = _served(run)
    instance, arrival_us = (numbers(run.requests, name)[served] for name in ("instance", "arrival_us"))
    taken_us, left_us = (
        np.nan_to_num(arrival_us + 1e3 * numbers(run.requests, name)[served], nan=run.end_us)
        for name in ("scheduling_delay_ms", "e2e_ms")
    )
    one = np.ones(len(instance))
    queue = _means_by_instance(arrival_us, taken_us, one, instance, n, edges_us)
    batch = _means_by_instance(taken_us, np.maximum(left_us, taken_us), one, instance, n, edges_us)
    return Load(edges_us / 1e6, queue, batch, None)


def routing_shares(run: RunFolder) -> tuple[Float64Vector, Float64Vector]:
    """Edges of the windows [s], and the share of each window's arrivals that each instance got; NaN where none came.

    Returns
    -------
    (windows + 1,), (instances, windows) float64
    """
    instance, arrival_us = numbers(run.requests, "instance"), numbers(run.requests, "arrival_us")
    routed = ~np.isnan(instance)
    last_us = float(arrival_us[routed].max(initial=0.0)) + 1
    edges_us = np.linspace(0, last_us, N_WINDOWS + 1)
    places = np.arange(run.n_instances + 1) - 0.5
    counts = np.histogram2d(instance[routed], arrival_us[routed], bins=(places, edges_us))[0]
    total = counts.sum(axis=0)
    return edges_us / 1e6, np.divide(counts, total, out=np.full_like(counts, np.nan), where=total > 0)


def means_over_time(
    start: Float64Vector, end: Float64Vector, value: Float64Vector, edges: Float64Vector
) -> Float64Vector:
    """Mean, in each piece between two edges, of a sum that has `value` more from each `start` until its `end`.

    The integral of that sum rises by value · (t - start) from a start on, and by as much less from an end on; it is
    taken at the edges.
    """

    def integral(times: Float64Vector) -> Float64Vector:
        order = np.argsort(times, kind="stable")
        values = np.concatenate([[0.0], np.cumsum(value[order])])
        moments = np.concatenate([[0.0], np.cumsum(value[order] * times[order])])
        passed = np.searchsorted(times[order], edges, side="right")
        area: Float64Vector = values[passed] * edges - moments[passed]
        return area

    means: Float64Vector = np.diff(integral(start) - integral(end)) / np.diff(edges)
    return np.maximum(means, 0.0)  # sums of large times leave rounding behind


def _means_by_instance(
    start: Float64Vector,
    end: Float64Vector,
    value: Float64Vector,
    instance: Float64Vector,
    n_instances: int,
    edges: Float64Vector,
) -> Float64Vector:
    order = np.argsort(instance, kind="stable")
    bounds = np.searchsorted(instance[order], np.arange(n_instances + 1))
    return np.array(
        [
            means_over_time(start[here], end[here], value[here], edges)
            for here in (order[first:last] for first, last in pairwise(bounds))
        ]
    )


def _served(run: RunFolder) -> BoolVector:
    """Which requests are, or were, on an instance."""
    known = ~np.isnan(numbers(run.requests, "instance"))
    on_instance = np.zeros(len(known), np.bool_)
    for status in ("queued", "running", "completed"):
        on_instance |= is_text(run.requests, "status", status)
    return known & on_instance
