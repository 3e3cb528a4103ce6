"""A population whose children compete with it, (mu + lambda): what the algorithms that mate and mutate have in common.

Nothing good is lost, because survivors are the best of both generations (elitism). After `patience` rounds without
progress the population is drawn anew; the search's archive keeps what it had found.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from blis.foundation.checks import check_int, check_number
from evolve.genomes.seeding import Draws
from evolve.problem import Problem
from evolve.records import Genome, Proposal, Score
from evolve.selection.individual import Individual
from evolve.selection.ranking import Stagnation, best_first, progress, without_duplicates
from evolve.selection.variation import MOST_CANDIDATES, children_of, first_round, individuals_of

#: (population, how many) -> parents; may draw from DEAP's generators.
Choice: TypeAlias = Callable[[list[Individual], int], list[Individual]]

KEYS = ("population", "offspring", "crossover", "patience")

#: Individuals of whom a tournament chooses one.
MOST_IN_TOURNAMENT = 100


@dataclass(frozen=True, slots=True)
class Sizes:
    """Sizes and rates that every breeding algorithm has."""

    population: int  #: mu, parents that are kept
    offspring: int  #: lambda, children of a round
    crossover: float  #: share of children that have two parents
    patience: int  #: rounds without progress until a restart

    @classmethod
    def from_checked_keys(cls, where: str, given: Mapping[str, Any]) -> "Sizes":
        """The sizes among the keys of an algorithm's parameters, which must have been checked."""
        return cls(
            population=check_int(f"{where}.population", given["population"], 2, MOST_CANDIDATES),
            offspring=check_int(f"{where}.offspring", given["offspring"], 1, MOST_CANDIDATES),
            crossover=check_number(f"{where}.crossover", given["crossover"], 0, 1),
            patience=check_int(f"{where}.patience", given["patience"], 1),
        )


def check_tournament(where: str, given: Mapping[str, Any]) -> int:
    """The size of a tournament among the keys of an algorithm's parameters.

    Raises
    ------
    ConfigError
        If it is none.
    """
    return check_int(f"{where}.tournament", given["tournament"], 1, MOST_IN_TOURNAMENT)


class Breeding:
    """Rounds of children of a population; parents are chosen by `choose`."""

    def __init__(self, problem: Problem, sizes: Sizes, draws: Draws, first: Sequence[Genome], choose: Choice) -> None:
        self.problem, self.sizes, self.draws, self.first, self.choose = problem, sizes, draws, first, choose
        self.generation = 0
        self.population: list[Individual] = []
        self.stagnation = Stagnation(sizes.patience)
        self._asked: list[Proposal] = []

    def ask(self) -> list[Proposal]:
        """Children of the population; fresh samples at first and after a restart."""
        if not self._asked:
            random = self.draws(self.generation)
            if self.population:
                self._asked = children_of(
                    self.problem, self.population, self.sizes.offspring, self.sizes.crossover, self.choose, random
                )
            else:
                first = self.first if self.generation == 0 else ()
                self._asked = first_round(self.problem, self.sizes.population, random, first)
        return self._asked

    def tell(self, scores: Sequence[Score]) -> None:
        """Keep the best of parents and children."""
        told = individuals_of(self.problem, self.ask(), scores)
        self.population = best_first(without_duplicates([*self.population, *told]), self.sizes.population)
        if self.stagnation.is_reached(progress([individual.score for individual in self.population])):
            self.population = []
        self.generation += 1
        self._asked = []

    def kept(self) -> list[Individual]:
        """The population."""
        return list(self.population)

    def judged_again(self, scores: Mapping[str, Score]) -> None:
        """The population with these scores."""
        if not self.population:
            return
        judged = [one.rescored(scores.get(one.digest, one.score)) for one in self.population]
        self.population = best_first(judged)
        self.stagnation.measured_again(progress([one.score for one in self.population]))
        self._asked = []

    def emigrants(self, count: int) -> list[Individual]:
        """The best, to be copied to another island."""
        return best_first(self.population, count)

    def immigrate(self, newcomers: Sequence[Individual]) -> None:
        """Take in individuals of another island; as many of the worst make room."""
        merged = without_duplicates([*self.population, *newcomers])
        self.population = best_first(merged, len(self.population))
        self._asked = []

    def state(self) -> dict[str, Any]:
        """Population and counters."""
        return {
            "generation": self.generation,
            "population": [individual.state() for individual in self.population],
            "stagnation": self.stagnation.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue with that population."""
        self.generation = state["generation"]
        self.population = [Individual.from_state(individual) for individual in state["population"]]
        self.stagnation.restore(state["stagnation"])
        self._asked = []
