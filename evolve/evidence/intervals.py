"""Confidence intervals of mean gains, by a bootstrap over seeds within each scenario."""

import math
from collections.abc import Sequence

import numpy as np

from blis.randomness import stream
from blis.units import Float64Vector
from evolve.evidence import Effect

RESAMPLES = 2000
CONFIDENCE = 0.95


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

    Source: stratified bootstrap that draws n - 1 of n in each stratum, which makes its variance unbiased for small n
    (Rao and Wu 1988, Resampling inference with complex survey data, JASA 83).
    """
    rows = [np.asarray(row, float) for row in log_gains]
    mean = float(np.mean([row.mean() for row in rows]))
    n_pairs = sum(len(row) for row in rows)
    if min(len(row) for row in rows) < 2:
        return Effect(_percent(mean), -100.0, math.inf, n_pairs, n_undefined)
    draws = stream(seed, "evidence", *names)
    means = np.zeros(RESAMPLES)
    for row in rows:
        drawn = draws.integers(0, len(row), (RESAMPLES, len(row) - 1))
        means += row[drawn].mean(axis=1)
    means /= len(rows)
    tail = 50.0 * (1.0 - CONFIDENCE)
    low, high = np.percentile(means, [tail, 100.0 - tail])
    return Effect(_percent(mean), _percent(low), _percent(high), n_pairs, n_undefined)


def _percent(log_ratio: float) -> float:
    return 100.0 * math.expm1(float(log_ratio))
