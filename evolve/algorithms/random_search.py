"""Draw every genome anew: what any other algorithm must beat at the same budget."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from blis.foundation.checks import check_int, check_keys
from evolve.genomes.seeding import Draws
from evolve.problem import Problem
from evolve.records import Genome, Proposal, Score
from evolve.selection.variation import MOST_CANDIDATES, first_round


@dataclass(frozen=True, slots=True)
class Params:
    """How many genomes a round has."""

    population: int

    @classmethod
    def from_mapping(cls, where: str, mapping: Mapping[str, Any]) -> "Params":
        """Strict: unknown and absent keys are errors."""
        given = check_keys(where, mapping, ("population",), ("population",))
        return cls(check_int(f"{where}.population", given["population"], 1, MOST_CANDIDATES))


def search(problem: Problem, params: Params, draws: Draws, first: Sequence[Genome]) -> "RandomSearch":
    """Random search; known policies come first here too, so that it starts where the others do."""
    return RandomSearch(problem, params, draws, first)


class RandomSearch:
    """Rounds of independent samples."""

    def __init__(self, problem: Problem, params: Params, draws: Draws, first: Sequence[Genome]) -> None:
        self.problem, self.params, self.draws, self.first = problem, params, draws, first
        self.generation = 0

    def ask(self) -> list[Proposal]:
        """The first genomes, then samples."""
        first = self.first if self.generation == 0 else ()
        return first_round(self.problem, self.params.population, self.draws(self.generation), first)

    def tell(self, scores: Sequence[Score]) -> None:
        """Nothing is learnt."""
        self.generation += 1

    def state(self) -> dict[str, Any]:
        """The number of rounds."""
        return {"generation": self.generation}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue with that round."""
        self.generation = state["generation"]
