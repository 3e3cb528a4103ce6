"""A run cut into equal windows of time: counts in them, and time-weighted means over instances."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from blis.cluster.instances import Cluster
from blis.engine.codes import BECAME_WARM, BEGAN_DRAINING, DIED, RECOVERED
from blis.engine.records import Records
from blis.foundation.units import US_PER_S, BoolVector, Float64Vector, Int64Vector

N_WINDOWS = 40
SHORTEST_US = 1_000_000


@dataclass(frozen=True, slots=True)
class Windows:
    """Equal windows from 0 to the end of a run."""

    length_us: int
    count: int

    def of(self, times_us: Int64Vector) -> Int64Vector:
        """The window of each time."""
        return np.minimum(times_us // self.length_us, self.count - 1)

    def counts(self, times_us: Int64Vector) -> Int64Vector:
        """(count,) how many times fall into each window."""
        return np.bincount(self.of(times_us), minlength=self.count)

    def start_s(self, window: int) -> float:
        """When a window begins."""
        return window * self.length_us / US_PER_S


def windows(end_us: int) -> Windows:
    """Windows of a run that ends at `end_us`: forty, but none shorter than a second."""
    length_us = max(SHORTEST_US, -(-max(end_us, 1) // N_WINDOWS))
    return Windows(length_us, max(1, -(-max(end_us, 1) // length_us)))


def window_means(cut: Windows, samples: Any, column: str, n_instances: int) -> Float64Vector:
    """(n_instances, count) mean of a column of the trace's samples over time; an idle instance counts as 0.

    A sample holds from the start of its steps to their end; its time is split among the windows it touches.
    """
    means = np.zeros((n_instances, cut.count))
    start, end = samples.clock_us, samples.clock_us + samples.length_us
    values, instance = samples[column].astype(np.float64), samples.instance.astype(np.int64)
    first, last = cut.of(start), cut.of(np.maximum(end - 1, start))
    for step in range(int((last - first).max(initial=0)) + 1):
        here = first + step <= last
        window = first[here] + step
        low = np.maximum(start[here], window * cut.length_us)
        high = np.where(window == cut.count - 1, end[here], np.minimum(end[here], (window + 1) * cut.length_us))
        np.add.at(means, (instance[here], window), values[here] * (high - low))
    return means / cut.length_us


def serves_throughout(cut: Windows, cluster: Cluster, events: Records) -> BoolVector:
    """(n_instances, count) whether an instance could be sent requests in all of a window, not in a part of it."""
    serves = np.ones((len(cluster.instances), cut.count), np.bool_)
    if cluster.fleet is None:
        return serves
    first = 0
    for pool in cluster.fleet.pools:
        serves[first + pool.initial : first + pool.maximum] = False
        first += pool.maximum
    for event in events:
        window = int(cut.of(event.clock_us))
        if event.kind in (BECAME_WARM, RECOVERED):
            serves[event.instance, window + 1 :] = True
        elif event.kind in (BEGAN_DRAINING, DIED):
            serves[event.instance, window:] = False
    return serves


def merged(flagged: Any) -> list[tuple[int, int]]:
    """Runs of neighbouring True values as (first, last), both included."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], np.asarray(flagged, np.int8), [0]])))
    return [(int(a), int(b) - 1) for a, b in zip(edges[::2], edges[1::2], strict=True)]
