"""Genetic programming: the genetic algorithm with parsimony, for programs that would grow for nothing.

Parents are chosen by double tournament: of two winners of tournaments by fitness the less complex one is taken with the
probability parsimony / 2 (Luke and Panait 2002, "Fighting bloat with nonparametric parsimony pressure"). The operators
on trees, and the limits of their depth and size, are the genes'.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deap import tools

from blis.foundation.checks import check_keys, check_number
from evolve.algorithms import ga
from evolve.genomes.seeding import Draws
from evolve.problem import Problem
from evolve.records import Genome
from evolve.selection.breeding import Breeding, Sizes, check_tournament
from evolve.selection.individual import Individual

KEYS = (*ga.KEYS, "parsimony")


@dataclass(frozen=True, slots=True)
class Params:
    """Sizes, and how hard parents are selected, by fitness and by complexity."""

    sizes: Sizes
    tournament: int  #: individuals of whom the best may become a parent
    parsimony: float  #: 1: complexity does not matter; 2: the less complex winner is always taken

    @classmethod
    def from_mapping(cls, where: str, mapping: Mapping[str, Any]) -> "Params":
        """Strict: unknown and absent keys are errors."""
        given = check_keys(where, mapping, KEYS, KEYS)
        return cls(
            Sizes.from_checked_keys(where, given),
            check_tournament(where, given),
            check_number(f"{where}.parsimony", given["parsimony"], 1, 2),
        )


def search(problem: Problem, params: Params, draws: Draws, first: Sequence[Genome]) -> Breeding:
    """Breeding with tournaments by fitness, then by complexity."""

    def choose(population: list[Individual], count: int) -> list[Individual]:
        chosen: list[Individual] = tools.selDoubleTournament(
            population, count, params.tournament, params.parsimony, fitness_first=True
        )
        return chosen

    return Breeding(problem, params.sizes, draws, first, choose)
