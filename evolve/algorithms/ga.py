"""A genetic algorithm, (mu + lambda): parents are chosen by tournament, the best of parents and children survive."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deap import tools

from blis.foundation.checks import check_keys
from evolve.genomes.seeding import Draws
from evolve.problem import Problem
from evolve.records import Genome
from evolve.selection import breeding
from evolve.selection.breeding import Breeding, Sizes, check_tournament
from evolve.selection.individual import Individual

KEYS = (*breeding.KEYS, "tournament")


@dataclass(frozen=True, slots=True)
class Params:
    """Sizes, and how hard parents are selected."""

    sizes: Sizes
    tournament: int  #: individuals of whom the best becomes a parent

    @classmethod
    def from_mapping(cls, where: str, mapping: Mapping[str, Any]) -> "Params":
        """Strict: unknown and absent keys are errors."""
        given = check_keys(where, mapping, KEYS, KEYS)
        return cls(
            Sizes.from_checked_keys(where, given),
            check_tournament(where, given),
        )


def search(problem: Problem, params: Params, draws: Draws, first: Sequence[Genome]) -> Breeding:
    """Breeding with tournaments by fitness."""

    def choose(population: list[Individual], count: int) -> list[Individual]:
        chosen: list[Individual] = tools.selTournament(population, count, params.tournament)
        return chosen

    return Breeding(problem, params.sizes, draws, first, choose)
