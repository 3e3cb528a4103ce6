"""The best of all that was evaluated at full fidelity, kept over restarts and generations."""

from collections.abc import Iterable, Mapping
from typing import Any

from deap import tools

from evolve.records import Score
from evolve.selection.individual import Individual
from evolve.selection.ranking import best_first


class Archive:
    """At most `size` individuals, each behaviour once: equal scores are taken for equal behaviour.

    Parameters
    ----------
    size : int
        How many are kept.
    n_objectives : int
        One: the best by value. Several: the non-dominated ones, the least crowded of them if there are too many.
    """

    def __init__(self, size: int, n_objectives: int) -> None:
        self.size = size
        self._kept = (
            tools.HallOfFame(size, similar=_are_equal) if n_objectives == 1 else tools.ParetoFront(similar=_are_equal)
        )

    def update(self, individuals: Iterable[Individual]) -> None:
        """Keep what is good enough; what the ladder eliminated is not."""
        self._kept.update([individual for individual in individuals if not individual.score.rungs_short])
        if len(self._kept) > self.size:  # only a Pareto front grows without limit
            kept = best_first(list(self._kept), self.size)
            self._kept.clear()
            self._kept.update(kept)

    def judged_again(self, scores: Mapping[str, Score]) -> None:
        """Put what is kept in order by these scores, by digest."""
        kept = [individual.rescored(scores.get(individual.digest, individual.score)) for individual in self._kept]
        self._kept.clear()
        self._kept.update(kept)

    def best(self) -> list[Individual]:
        """What is kept, the fittest first."""
        return sorted(self._kept, key=lambda individual: individual.score.fitness, reverse=True)

    def state(self) -> list[dict[str, Any]]:
        """Plain data for JSON."""
        return [individual.state() for individual in self._kept]

    def restore(self, state: list[dict[str, Any]]) -> None:
        """Continue from a state."""
        self._kept.clear()
        for individual in reversed(state):  # the worst first: equals are inserted ahead of each other
            self._kept.insert(Individual.from_state(individual))


def _are_equal(one: Individual, other: Individual) -> bool:
    return one.digest == other.digest or one.score == other.score
