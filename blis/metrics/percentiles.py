"""Percentiles and means of microseconds, given one by one or as (value, count) pairs, in milliseconds."""

import math
from collections.abc import Sequence

import numpy as np

from blis.foundation.units import US_PER_MS, Float64Vector, Int64Vector

#: Percentiles that every latency is reported at.
REPORTED = (50, 90, 95, 99)

Figures = dict[str, float | None]


def percentile_us(ascending: Int64Vector | Float64Vector | Sequence[int], percent: float) -> float | None:
    """The percentile of ascending values, linear between neighbours; None of none.

    Rank = percent / 100 · (n - 1), as numpy's default method.
    """
    n = len(ascending)
    if n == 0:
        return None
    rank = percent / 100 * (n - 1)
    low, high = math.floor(rank), math.ceil(rank)
    first, second = float(ascending[low]), float(ascending[high])
    return first + (second - first) * (rank - low)


def weighted_percentile_us(ascending: Int64Vector, counts: Int64Vector, percent: float) -> float | None:
    """The same of values that each occur `counts` times, without writing them out."""
    ends = counts.cumsum()
    n = int(ends[-1]) if len(ends) else 0
    if n == 0:
        return None
    rank = percent / 100 * (n - 1)
    low, high = math.floor(rank), math.ceil(rank)
    first, second = (int(ascending[np.searchsorted(ends, place, side="right")]) for place in (low, high))
    return first + (second - first) * (rank - low)


def figures_ms(name: str, values_us: Int64Vector | Float64Vector) -> Figures:
    """Mean and `REPORTED` percentiles [ms] under the keys <name>_mean_ms, <name>_p50_ms ..."""
    ascending = values_us.copy()
    ascending.sort()
    mean_us = ascending.sum().item() / len(ascending) if len(ascending) else None
    return _named(name, mean_us, [percentile_us(ascending, percent) for percent in REPORTED])


def weighted_figures_ms(name: str, ascending_us: Int64Vector, counts: Int64Vector) -> Figures:
    """The same of values that each occur `counts` times."""
    n = int(counts.sum())
    mean_us = int((ascending_us * counts).sum()) / n if n else None
    percentiles = [weighted_percentile_us(ascending_us, counts, percent) for percent in REPORTED]
    return _named(name, mean_us, percentiles)


def _named(name: str, mean_us: float | None, percentiles_us: list[float | None]) -> Figures:
    figures = {f"{name}_mean_ms": _ms(mean_us)}
    for percent, value_us in zip(REPORTED, percentiles_us, strict=True):
        figures[f"{name}_p{percent}_ms"] = _ms(value_us)
    return figures


def _ms(value_us: float | None) -> float | None:
    return None if value_us is None else value_us / US_PER_MS
