"""Puts individuals in order: the best first, for one objective and for several."""

import math
from collections.abc import Sequence

import moocore
import numpy as np
from deap import tools

from evolve.records import Score
from evolve.selection.individual import Individual


def best_first(individuals: Sequence[Individual], count: int | None = None) -> list[Individual]:
    """The `count` best, the best of all first; who came earlier wins a tie.

    One objective: by its value. Several: by Pareto rank, then by crowding distance (Deb et al. 2002, NSGA-II).
    """
    count = len(individuals) if count is None else min(count, len(individuals))
    if not count:
        return []
    if len(individuals[0].score.objectives) == 1:
        return sorted(individuals, key=lambda individual: individual.fitness, reverse=True)[:count]
    chosen: list[Individual] = tools.selNSGA2(list(individuals), count, nd="log")
    return chosen


def without_duplicates(individuals: Sequence[Individual]) -> list[Individual]:
    """The first individual of each digest."""
    first: dict[str, Individual] = {}
    for individual in individuals:
        first.setdefault(individual.digest, individual)
    return list(first.values())


def diverse(individuals: Sequence[Individual], values: Sequence[Sequence[float]], count: int) -> list[Individual]:
    """`count` of them: the fitter half by fitness, the others as unlike those chosen before them as can be.

    Who is best in training has found training's corner, and so have those just behind; which corner is the right one
    can only be seen elsewhere.

    Parameters
    ----------
    individuals : sequence of Individual
        The fittest first.
    values : sequence of sequences of float
        What each of them is worth in each scenario.
    count : int ≥ 1
    """
    if len(individuals) <= count:
        return list(individuals)
    points = np.asarray(values, float)
    chosen = list(range((count + 1) // 2))
    while len(chosen) < count:
        distance = np.min([np.linalg.norm(points - points[place], axis=1) for place in chosen], axis=0)
        distance[chosen] = -1.0
        chosen.append(int(distance.argmax()))
    return [individuals[place] for place in sorted(chosen)]


def front(individuals: Sequence[Individual]) -> list[Individual]:
    """Those that no other dominates, the first objective's best first; of equals the one that came first."""
    members = tools.ParetoFront(similar=lambda one, other: one.score == other.score)
    members.update(list(individuals))
    digests = {member.digest for member in members}
    return sorted(
        (individual for individual in individuals if individual.digest in digests),
        key=lambda individual: individual.fitness,
        reverse=True,
    )


def hypervolume(scores: Sequence[Score]) -> float:
    """Volume of objectives that some feasible score of full fidelity dominates, above the origin; 0 if there is none.

    All objectives are ratios to the best baseline, so that the box below a policy as good as it has the volume 1.
    """
    points = [score.objectives for score in scores if score.is_feasible and not score.rungs_short]
    if not points:
        return 0.0
    return float(moocore.hypervolume(np.array(points), ref=np.zeros(len(points[0])), maximise=True))


def progress(scores: Sequence[Score]) -> float:
    """The number that grows when a population gets better: its best value, or the hypervolume of several."""
    if len(scores[0].objectives) == 1:
        return max(score.values[0] for score in scores)
    return hypervolume(scores)


class Stagnation:
    """Counts rounds without progress."""

    #: Relative gain below which a new best value is no progress: smaller ones come from rounding of genomes.
    LEAST_GAIN = 1e-3

    def __init__(self, patience: int) -> None:
        self.patience = patience
        self.best = -math.inf
        self.rounds = 0

    def is_reached(self, value: float) -> bool:
        """Note a round's best value; whether it was the last of `patience` rounds in a row without progress.

        If it was, counting begins anew.
        """
        if self.best == -math.inf or value > self.best + self.LEAST_GAIN * abs(self.best):
            self.best, self.rounds = value, 0
            return False
        self.rounds += 1
        if self.rounds < self.patience:
            return False
        self.best, self.rounds = -math.inf, 0
        return True

    def measured_again(self, value: float) -> None:
        """Note what the best is worth now that it was judged again: progress is what goes beyond that."""
        if self.best != -math.inf:
            self.best = value

    def state(self) -> list[float | int | None]:
        """Plain data for JSON."""
        return [None if self.best == -math.inf else self.best, self.rounds]

    def restore(self, state: list[float | int | None]) -> None:
        """Continue from a state."""
        best, rounds = state
        self.best, self.rounds = (-math.inf if best is None else best), int(rounds or 0)
