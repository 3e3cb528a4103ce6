"""What a candidate is worth, where every generation meets other scenarios.

Who has just been found has one score, on scenarios that may have been easy; who was kept from earlier generations has
several, on others. Whoever is kept is therefore judged again in each generation, on the same scenarios as its children,
and scores are read as a two-way layout, candidate plus generation: how much better or worse those who are judged again
do than they used to is what the generation does to everybody, and is taken off. What is left is averaged over the
generations that a candidate has met, so that luck is worn away by staying, and not kept by it.

To keep old scores instead would let an elitist search fill up with the luckiest (Y. Jin and J. Branke, "Evolutionary
optimization in uncertain environments: a survey", 2005, on noise).
"""

import math
from collections.abc import Iterable, Mapping
from statistics import median
from typing import Any

import numpy as np

from blis.foundation.units import Float64Vector
from evolve.records import Score

#: Stage of the rows in the history that are judgements of who was kept.
AGAIN = "again"


class Standings:
    """Scores over all generations so far, by the digests of genomes."""

    def __init__(self) -> None:
        self._logs: dict[str, list[Float64Vector]] = {}  #: of objectives, one for each generation, without its effect
        self._violations: dict[str, list[float]] = {}
        self._effect: Float64Vector | float = 0.0  #: of the generation that is met, on logarithms of objectives
        self._met: frozenset[str] = frozenset()  #: who was judged again in it

    def again(self, scores: Mapping[str, Score]) -> dict[str, Score]:
        """Begin a generation with those who are judged again (digest -> score in this one); their standing."""
        known = [_logs(score) - np.mean(self._logs[digest], axis=0) for digest, score in scores.items()]
        self._effect = np.mean(known, axis=0) if known else 0.0
        self._met = frozenset(scores)
        return {digest: self._entered(digest, score) for digest, score in scores.items()}

    def fresh(self, scores: Mapping[str, Score]) -> dict[str, Score]:
        """Take in who else was judged at full fidelity in this generation; the standing of each."""
        return {
            digest: self._standing(digest) if digest in self._met else self._entered(digest, score)
            for digest, score in scores.items()
        }

    def restore(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Know what the rows of a history know, in their order."""
        generations: dict[int, tuple[dict[str, Score], dict[str, Score]]] = {}
        for row in rows:
            if row["stage"] in ("search", AGAIN) and row["rungs_short"] == 0:
                again, fresh = generations.setdefault(row["generation"], ({}, {}))
                score = Score(tuple(row["objectives"]), row["violation"])
                (again if row["stage"] == AGAIN else fresh)[row["digest"]] = score
        for again, fresh in generations.values():
            self.again(again)
            self.fresh(fresh)

    def _entered(self, digest: str, score: Score) -> Score:
        self._logs.setdefault(digest, []).append(_logs(score) - self._effect)
        self._violations.setdefault(digest, []).append(score.violation)
        return self._standing(digest)

    def _standing(self, digest: str) -> Score:
        """The mean of its logarithms; of violations the median: one unlucky generation bars nobody for ever."""
        means = np.mean(self._logs[digest], axis=0)
        return Score(tuple(math.exp(value) for value in means), float(median(self._violations[digest])))


def _logs(score: Score) -> Float64Vector:
    return np.log(score.objectives)
