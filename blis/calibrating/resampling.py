"""How sure a comparison is: intervals from requests drawn again, in stretches that stay together.

Requests that are served at the same time wait for each other, so their errors are alike. Drawing single requests would
take them for independent and make intervals too narrow; drawing stretches of neighbours keeps what they share (moving
blocks: Kuensch, "The jackknife and the bootstrap for general stationary observations", 1989). A stretch has about as
many requests as the square root of all.
"""

import math
from typing import NamedTuple

import numpy as np

from blis.calibrating.comparison import PERCENTS, mean_error, pearson
from blis.foundation.units import Float64Vector, Int64Vector

#: Fewer pairs have no interval.
FEWEST = 10

Interval = tuple[float, float]


class Intervals(NamedTuple):
    """Lower and upper ends; None where there is no interval."""

    mape: Interval | None
    bias: Interval | None
    pearson: Interval | None
    percentile_errors: dict[int, Interval | None]


def drawn_rows(n: int, random: np.random.Generator) -> Int64Vector:
    """As many places as there are requests, drawn in stretches of neighbours."""
    length = max(1, math.isqrt(n))
    starts = random.integers(0, n - length + 1, -(-n // length))
    rows: Int64Vector = (starts[:, None] + np.arange(length)).ravel()[:n]
    return rows


def intervals(
    measured: Float64Vector, simulated: Float64Vector, n_draws: int, confidence: float, random: np.random.Generator
) -> Intervals:
    """Intervals of a comparison's figures that hold them with the given confidence.

    Parameters
    ----------
    measured, simulated : (n,) float64    pairs in the order of sending
    n_draws : int ≥ 0                     0: none are wanted
    confidence : float in (0, 1)
    random : Generator
    """
    nothing = Intervals(None, None, None, dict.fromkeys(PERCENTS))
    if n_draws == 0 or len(measured) < FEWEST or not measured.any():
        return nothing
    figures = np.array([_figures(measured, simulated, drawn_rows(len(measured), random)) for _ in range(n_draws)])
    ends = [_ends(column, confidence) for column in figures.T]
    return Intervals(ends[0], ends[1], ends[2], dict(zip(PERCENTS, ends[3:], strict=True)))


def _figures(measured: Float64Vector, simulated: Float64Vector, rows: Int64Vector) -> list[float]:
    real, guess = measured[rows], simulated[rows]
    total = float(real.sum())
    error, correlation = mean_error(real, guess), pearson(real, guess)
    with np.errstate(divide="ignore", invalid="ignore"):
        percentiles = np.percentile(guess, PERCENTS) / np.percentile(real, PERCENTS) - 1
    return [
        math.nan if error is None else error,
        (float(guess.sum()) - total) / total if total > 0 else math.nan,
        math.nan if correlation is None else correlation,
        *percentiles.tolist(),
    ]


def _ends(values: Float64Vector, confidence: float) -> Interval | None:
    values = values[np.isfinite(values)]
    if not len(values):
        return None
    low, high = np.quantile(values, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)
