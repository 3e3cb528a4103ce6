"""Learns weights of scorers: what each of them has to say about which of two instances is the better one."""

import numpy as np

from blis.foundation.units import Float64Vector
from evolve.genomes.weights import GeneKind
from evolve.learning.ranking import fitted, pairs_of
from evolve.practice import Lessons
from evolve.records import Value

#: From believing the lessons to the letter to hardly; scores are between 0 and 1.
RIDGES = (3e-4, 3e-3, 3e-2)

#: Scorers that a short list keeps: who weighs few signals is understood, and has less to learn by heart.
SHORT_LIST = 3


def learn(gene: GeneKind, lessons: Lessons, incumbent: Value | None) -> list[Value]:
    """Weights of each horizon, by each ridge; the largest few of them fitted alone; and half way to the incumbent.

    Parameters
    ----------
    gene : GeneKind
    lessons : Lessons
    incumbent : value of the gene, or None
        Whose lessons they are, if it is made of weights too.
    """
    columns = [lessons.scorers.index(name) for name in gene.scorers]
    signals = lessons.scores[:, columns]
    every = [pairs_of(lessons, horizon) for horizon in range(len(lessons.horizons_s))]
    full = [[fitted(signals, pairs, ridge) for ridge in RIDGES] for pairs in every]
    found = [one for of_ridge in zip(*full, strict=True) for one in of_ridge]
    short = []
    for pairs, (loosest, *_) in zip(every, full, strict=True):
        kept = np.argsort(-loosest, kind="stable")[:SHORT_LIST]
        weights = np.zeros(len(columns))
        weights[kept] = fitted(signals[:, kept], pairs, RIDGES[0])
        short.append(weights)
    found[len(every) : len(every)] = short
    if incumbent is not None:
        mine = gene.to_vector(incumbent)
        found += [_shares(one[0]) + _shares(mine) for one in full if one[0].any()]
    return [gene.from_vector(one / one.max()) for one in found if one.any()]


def _shares(weights: Float64Vector) -> Float64Vector:
    shares: Float64Vector = weights / weights.sum()
    return shares
