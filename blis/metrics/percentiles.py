"""Percentiles and means of microseconds, given one by one or as (value, count) pairs, in milliseconds."""

import math
from collections.abc import Sequence
from functools import cache, lru_cache

import numpy as np

from blis.foundation.units import US_PER_MS, Float64Vector, Int64Vector

#: Percentiles that every latency is reported at.
REPORTED = (50, 90, 95, 99)

Figures = dict[str, float | None]


def figures_ms(name: str, values_us: Int64Vector | Float64Vector) -> Figures:
    """Mean and `REPORTED` percentiles [ms] under the keys <name>_mean_ms, <name>_p50_ms ...; None of no values.

    Percentiles are linear between neighbours: rank = percent / 100 · (n - 1), as numpy's default method.
    """
    n = len(values_us)
    if n == 0:
        return _named(name, None, [None] * len(REPORTED))
    places, shares, needed = _reported(n)
    placed = values_us.copy()
    if placed.dtype.kind == "f":
        placed.sort()  # the sum of floats depends on their order
    else:
        placed.partition(needed)
    return _named(name, placed.sum().item() / n, _between(placed[places].astype(np.float64), shares))


def weighted_figures_ms(name: str, ascending_us: Int64Vector, counts: Int64Vector) -> Figures:
    """The same of ascending values that each occur `counts` times, without writing them out."""
    ends = counts.cumsum()
    n = int(ends[-1]) if len(ends) else 0
    if n == 0:
        return _named(name, None, [None] * len(REPORTED))
    places, shares, _ = _reported(n)
    values_us = ascending_us[ends.searchsorted(places, side="right")]
    return _named(name, int((ascending_us * counts).sum()) / n, _between(values_us, shares))


@lru_cache(maxsize=64)
def _reported(n: int) -> tuple[Int64Vector, tuple[float, ...], list[int]]:
    """Of the `REPORTED` percentiles of `n` values: places of their neighbours, distance from the lower, all places."""
    ranks = [_rank(n, percent) for percent in REPORTED]
    places = [place for _, *neighbours in ranks for place in neighbours]
    return np.array(places), tuple(rank - low for rank, low, _ in ranks), sorted(set(places))


def _rank(n: int, percent: float) -> tuple[float, int, int]:
    """Rank of a percentile among `n` values, and its neighbours."""
    rank = percent / 100 * (n - 1)
    return rank, math.floor(rank), math.ceil(rank)


def _between(neighbours: Int64Vector | Float64Vector, shares: Sequence[float]) -> list[float | None]:
    """Values that lie between two neighbours each, so far from the lower."""
    values = neighbours.tolist()
    return [
        first + (second - first) * share for first, second, share in zip(values[::2], values[1::2], shares, strict=True)
    ]


def _named(name: str, mean_us: float | None, percentiles_us: list[float | None]) -> Figures:
    values_us = (mean_us, *percentiles_us)
    return {
        key: None if value_us is None else value_us / US_PER_MS
        for key, value_us in zip(_keys(name), values_us, strict=True)
    }


@cache
def _keys(name: str) -> tuple[str, ...]:
    return (f"{name}_mean_ms", *(f"{name}_p{percent}_ms" for percent in REPORTED))
