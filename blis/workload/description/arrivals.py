"""How the arrivals of a workload spread over time."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from blis.foundation.units import US_PER_S, Float64Vector, Int64Vector

#: Time is cut into so many pieces, but a piece holds at least as many requests in the mean.
MOST_PIECES, LEAST_MEAN_REQUESTS = 120, 5
#: Fewer gaps say nothing about their variation.
LEAST_GAPS = 4


class OverTime(NamedTuple):
    """Figures of k equal pieces of time between the first and the last arrival."""

    edges_s: Float64Vector  #: (k + 1,) since time 0
    rate: Float64Vector  #: (k,) [requests/s], NaN where all arrive at once
    gap_cv: Float64Vector  #: (k,) CV of the gaps within the piece, NaN where there are too few


def over_time(arrival_us: Int64Vector) -> OverTime:
    """Rate and variation of the gaps in equal pieces of time.

    Parameters
    ----------
    arrival_us : (n,) int64, n ≥ 1, non-decreasing
    """
    n = len(arrival_us)
    n_pieces = int(np.clip(n // LEAST_MEAN_REQUESTS, 1, MOST_PIECES))
    first_us, last_us = int(arrival_us[0]), int(arrival_us[-1])
    if first_us == last_us:
        edges_us = np.array([first_us, first_us + 1])
        return OverTime(edges_us / US_PER_S, np.array([np.nan]), np.array([np.nan]))
    edges_us = np.linspace(first_us, last_us, n_pieces + 1)
    at = np.concatenate((np.searchsorted(arrival_us, edges_us[:-1]), [n]))
    gap_cv = np.array([variation(arrival_us[start:end]) for start, end in pairwise(at.tolist())])
    return OverTime(edges_us / US_PER_S, np.diff(at) / np.diff(edges_us) * US_PER_S, gap_cv)


def variation(arrival_us: Int64Vector) -> float:
    """Coefficient of variation of the gaps between arrivals; NaN if they are too few, or all 0."""
    gaps = np.diff(arrival_us)
    if len(gaps) < LEAST_GAPS or not gaps.any():
        return float("nan")
    return float(gaps.std() / gaps.mean())
