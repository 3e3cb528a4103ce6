"""Confidence intervals of mean gains over seeds within each scenario, honest for as few as two seeds."""

import math
from collections.abc import Sequence

import numpy as np

from blis.fitness.ratio import MOST
from blis.foundation.randomness import stream
from blis.foundation.units import Float64Vector
from evolve.comparing import Effect

RESAMPLES = 10_000
CONFIDENCE = 0.95
_LARGEST = math.log(MOST)  #: no gain is larger, so neither is a bound


def effect(log_gains: Sequence[Float64Vector], seed: int, *names: str | int, n_undefined: int = 0) -> Effect:
    """The mean gain over scenarios, and its percentile interval.

    Parameters
    ----------
    log_gains : sequence of float64 (n_seeds,)
        Gains of each scenario; scenarios weigh alike and are what they are, seeds are a sample.
    seed : int
        Of the resampling.
    names : str or int
        Of the resampling's random stream.
    n_undefined : int
        Passed on.

    Returns
    -------
    Effect
        With one seed in any scenario the interval is unbounded: nothing is known of the noise.

    Source: each scenario's mean is Student-distributed about the truth; their mean has no closed form where variances
    differ (Behrens-Fisher), so it is drawn. A bootstrap that resamples seeds cannot reach beyond them: of two seeds its
    "95 %" interval holds the truth half of the time.
    """
    rows = [np.asarray(row, float) for row in log_gains]
    mean = float(np.mean([row.mean() for row in rows]))
    n_pairs = sum(len(row) for row in rows)
    if min(len(row) for row in rows) < 2:
        return Effect(in_percent(mean), -100.0, math.inf, n_pairs, n_undefined, 1.0)
    draws = stream(seed, "evidence", *names)
    means = np.zeros(RESAMPLES)
    for row in rows:
        error = row.std(ddof=1) / math.sqrt(len(row))
        means += row.mean() + error * draws.standard_t(len(row) - 1, RESAMPLES)
    means /= len(rows)
    tail = 50.0 * (1.0 - CONFIDENCE)
    low, high = np.percentile(means, [tail, 100.0 - tail])
    below, above = float((means <= 0.0).mean()), float((means >= 0.0).mean())
    chance = min(1.0, 2.0 * max(min(below, above), 1.0 / RESAMPLES))
    return Effect(in_percent(mean), in_percent(low), in_percent(high), n_pairs, n_undefined, chance)


def in_percent(log_ratio: float) -> float:
    """A log ratio as a gain in percent."""
    return 100.0 * math.expm1(min(float(log_ratio), _LARGEST))
