"""Pairwise logistic regression: weights under which the better of two choices scores more (Bradley and Terry 1952).

Every pair of choices of one decision is an example, weighted by how much better one of them is. Scenarios count alike,
whatever the size of their advantages, and no single decision counts more than `MOST_MEDIANS` typical ones.
"""

from typing import NamedTuple

import numpy as np

from blis.foundation.units import Float64Vector, Int64Vector
from evolve.practice import Lessons

#: Advantages are cut at so many medians of their scenario: the largest come from cliffs, and are mostly chance.
MOST_MEDIANS = 5.0

#: Steps of the accelerated gradient method; a fit of a dozen weights has long converged.
_STEPS = 2000

#: Newton's method: steps at most, how far one may go in any weight, and what is no step any more.
_NEWTON_STEPS, _LONGEST_STEP, _CONVERGED = 40, 2.0, 1e-8


class Pairs(NamedTuple):
    """Two choices of one decision, the better one and the worse."""

    better: Int64Vector  #: (pairs,) row of the lessons
    worse: Int64Vector
    weight: Float64Vector  #: (pairs,) how much it matters; sums to 1


def pairs_of(lessons: Lessons, horizon: int) -> Pairs:
    """All pairs of choices of which one was better by this horizon; none if no choice ever mattered."""
    gained = lessons.advantage[horizon]
    rows = np.arange(len(gained))
    firsts, seconds = [], []
    for distance in range(1, _largest_decision(lessons.decision)):
        is_pair = lessons.decision[:-distance] == lessons.decision[distance:]
        firsts.append(rows[:-distance][is_pair])
        seconds.append(rows[distance:][is_pair])
    first = np.concatenate([np.zeros(0, np.int64), *firsts])
    second = np.concatenate([np.zeros(0, np.int64), *seconds])
    difference = gained[second] - gained[first]
    told = difference != 0.0
    first, second, difference = first[told], second[told], difference[told]
    better, worse = np.where(difference > 0, second, first), np.where(difference > 0, first, second)
    return Pairs(better, worse, _weights(np.abs(difference), lessons.scenario[first]))


def fitted(signals: Float64Vector, pairs: Pairs, ridge: float) -> Float64Vector:
    """Weights of the signals, none of them negative.

    Parameters
    ----------
    signals : float64 (rows, k)
        Of the lessons' rows, of comparable sizes.
    pairs : Pairs
    ridge : float > 0
        Half of it times the sum of squared weights is added to the mean logistic loss.

    Returns
    -------
    float64 (k,)
        The minimum, by accelerated projected gradient steps (Beck and Teboulle 2009, FISTA).
    """
    x = signals[pairs.better] - signals[pairs.worse]
    weights = np.zeros(signals.shape[1])
    if not len(x):
        return weights
    steepest = 0.25 * float(np.linalg.eigvalsh((x * pairs.weight[:, None]).T @ x)[-1]) + ridge
    ahead, momentum = weights, 1.0
    for _ in range(_STEPS):
        doubt = pairs.weight / (1.0 + np.exp(np.clip(x @ ahead, -500.0, 500.0)))
        following = np.maximum(0.0, ahead + (doubt @ x - ridge * ahead) / steepest)
        faster = (1.0 + (1.0 + 4.0 * momentum * momentum) ** 0.5) / 2.0
        ahead = following + (momentum - 1.0) / faster * (following - weights)
        weights, momentum = following, faster
    return weights


def fitted_signed(signals: Float64Vector, pairs: Pairs, ridge: float) -> Float64Vector:
    """Weights of few signals, of either sign, by Newton's method; as `fitted`."""
    x = signals[pairs.better] - signals[pairs.worse]
    weights = np.zeros(signals.shape[1])
    for _ in range(_NEWTON_STEPS):
        doubt = 1.0 / (1.0 + np.exp(np.clip(x @ weights, -500.0, 500.0)))
        slope = (pairs.weight * doubt) @ x - ridge * weights
        curvature = (x * (pairs.weight * doubt * (1.0 - doubt))[:, None]).T @ x + ridge * np.eye(len(weights))
        step = np.linalg.solve(curvature, slope)
        longest = float(np.abs(step).max())
        weights = weights + step * min(1.0, _LONGEST_STEP / longest if longest else 1.0)
        if longest < _CONVERGED:
            break
    return weights


def loss(signals: Float64Vector, pairs: Pairs, weights: Float64Vector) -> float:
    """Mean logistic loss; log 2 if nothing is known."""
    x = signals[pairs.better] - signals[pairs.worse]
    return float(pairs.weight @ np.logaddexp(0.0, -(x @ weights)))


def _weights(size: Float64Vector, scenario: Int64Vector) -> Float64Vector:
    weight = np.zeros(len(size))
    present = np.unique(scenario)
    for one in present:
        own = scenario == one
        cut = np.minimum(size[own], MOST_MEDIANS * np.median(size[own]))
        weight[own] = cut / cut.sum() / len(present)
    return weight


def _largest_decision(decision: Int64Vector) -> int:
    return int(np.bincount(decision).max()) if len(decision) else 0
