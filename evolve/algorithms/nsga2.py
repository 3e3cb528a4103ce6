"""NSGA-II for two or three objectives that stay apart: the front of best compromises (Deb et al. 2002).

Parents are chosen by tournaments of dominance and crowding, survivors by Pareto rank and crowding. Progress is a larger
hypervolume.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deap import tools

from blis.foundation.checks import check_keys
from evolve.genomes.seeding import Draws
from evolve.problem import Problem
from evolve.records import Genome
from evolve.selection import breeding
from evolve.selection.breeding import Breeding, Sizes
from evolve.selection.individual import Individual


@dataclass(frozen=True, slots=True)
class Params:
    """Sizes."""

    sizes: Sizes

    @classmethod
    def from_mapping(cls, where: str, mapping: Mapping[str, Any]) -> "Params":
        """Strict: unknown and absent keys are errors."""
        return cls(Sizes.from_checked_keys(where, check_keys(where, mapping, breeding.KEYS, breeding.KEYS)))


def search(problem: Problem, params: Params, draws: Draws, first: Sequence[Genome]) -> Breeding:
    """Breeding with tournaments by dominance, then by crowding distance."""
    return Breeding(problem, params.sizes, draws, first, _choose)


def _choose(population: list[Individual], count: int) -> list[Individual]:
    ranked = tools.selNSGA2(population, len(population), nd="log")  # gives each its crowding distance
    places = count + -count % 4  # DEAP holds these tournaments in fours
    pool = [ranked[place % len(ranked)] for place in range(places)]
    chosen: list[Individual] = tools.selTournamentDCD(pool, places)
    return chosen[:count]
