"""Which part of a gap is closed? A ratio of two mean gains on the same runs, and how sure it is.

Where the gap itself is no more than noise, a part of it means nothing, and none is told.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from blis.foundation.randomness import stream
from blis.foundation.units import Float64Vector
from evolve.comparing.intervals import CONFIDENCE, RESAMPLES


@dataclass(frozen=True, slots=True)
class Share:
    """Part of a gap, in percent: 0 is none of it, 100 all; more is beyond it, and less a step back."""

    percent: float
    low_percent: float  #: bounds of the 95 % interval
    high_percent: float

    def __str__(self) -> str:
        return f"{self.percent:.0f} % [{self.low_percent:.0f}, {self.high_percent:.0f}]"


def share_of(
    closed: Sequence[Float64Vector], gaps: Sequence[Float64Vector], seed: int, *names: str | int
) -> Share | None:
    """The mean of what is closed over the mean gap.

    Parameters
    ----------
    closed, gaps : sequences of float64 (n_seeds,)
        Log gains of each scenario over the same policy, run by run; scenarios weigh alike.
    seed : int
        Of the resampling.
    names : str or int
        Of the resampling's random stream.

    Returns
    -------
    Share or None
        None where the gap is not shown to be above zero, or there are fewer than two runs of a scenario.

    Source: means of pairs are drawn from their joint Student distribution, scenario by scenario as in
    `evolve.comparing.intervals`; where the gap is clearly above zero the percentiles of their ratio come to Fieller's
    interval ("Some problems in interval estimation", 1954), and elsewhere there is none that is bounded.
    """
    if min(len(row) for row in gaps) < 2:
        return None
    draws = stream(seed, "share", *names)
    sums = np.zeros((2, RESAMPLES))
    for own, gap in zip(closed, gaps, strict=True):
        sums += _drawn_means(np.array([own, gap]), draws)
    tail = 50.0 * (1.0 - CONFIDENCE)
    if np.percentile(sums[1], tail) <= 0.0:
        return None
    whole = math.fsum(float(gap.mean()) for gap in gaps)
    low, high = np.percentile(sums[0] / sums[1], [tail, 100.0 - tail])
    part = math.fsum(float(own.mean()) for own in closed) / whole
    return Share(100.0 * part, 100.0 * float(low), 100.0 * float(high))


def _drawn_means(pairs: np.ndarray, draws: np.random.Generator) -> np.ndarray:
    """(2, RESAMPLES) means that two columns of pairs might have had."""
    n = pairs.shape[1]
    values, vectors = np.linalg.eigh(np.cov(pairs) / n)
    normal = draws.standard_normal((2, RESAMPLES))
    student = normal / np.sqrt(draws.chisquare(n - 1, RESAMPLES) / (n - 1))
    drawn: np.ndarray = pairs.mean(axis=1)[:, None] + vectors @ (np.sqrt(np.maximum(values, 0.0))[:, None] * student)
    return drawn
