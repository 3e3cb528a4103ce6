"""What a gain on some scenarios lets expect on others of their kind: scenarios as a sample, by random effects."""

import math
from collections.abc import Sequence

import numpy as np

from blis.foundation.randomness import stream
from evolve.comparing import Effect
from evolve.comparing.intervals import CONFIDENCE, RESAMPLES, in_percent

_ROUNDS = 200  #: of bisection, more than float64 needs


def elsewhere(means: Sequence[float], variances: Sequence[float], seed: int, *names: str | int) -> Effect | None:
    """The mean gain over scenarios like these, of which they are a sample; None of fewer than three.

    Parameters
    ----------
    means : sequence of float
        Mean log gain of each scenario.
    variances : sequence of float ≥ 0
        Of these means, by the noise over seeds.
    seed : int
        Of the draws that make the interval.
    names : str or int
        Of the draws' random stream.

    Source: Paule and Mandel, "Consensus values and weighting factors" (1982), for the variance between scenarios;
    Hartung and Knapp, "A refined method for the meta-analysis of controlled clinical trials" (2001), for the interval.
    """
    effects, noise = np.asarray(means, float), np.asarray(variances, float)
    k = len(effects)
    if k < 3 or not np.isfinite(noise).all():
        return None
    weights = 1.0 / (noise + max(_between(effects, noise), 1e-12))
    mean = float((weights * effects).sum() / weights.sum())
    error = math.sqrt(float((weights * (effects - mean) ** 2).sum()) / ((k - 1) * float(weights.sum())))
    draws = mean + error * stream(seed, "elsewhere", *names).standard_t(k - 1, RESAMPLES)
    tail = 50.0 * (1.0 - CONFIDENCE)
    low, high = np.percentile(draws, [tail, 100.0 - tail])
    return Effect(in_percent(mean), in_percent(low), in_percent(high), k)


def _between(effects: np.ndarray, noise: np.ndarray) -> float:
    """Variance between scenarios: what makes the weighted squares add up to their degrees of freedom."""

    def excess(between: float) -> float:
        weights = 1.0 / (noise + between)
        mean = (weights * effects).sum() / weights.sum()
        return float((weights * (effects - mean) ** 2).sum()) - (len(effects) - 1)

    low, high = 1e-12, max(1e-9, 10.0 * float(effects.var(ddof=1)))
    if excess(low) <= 0.0:
        return 0.0
    while excess(high) > 0.0:
        high *= 2.0
    for _ in range(_ROUNDS):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if excess(middle) > 0.0 else (low, middle)
    return high
