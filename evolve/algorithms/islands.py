"""Several populations apart, which now and then send copies of their best to the next: keeps diversity that one
population would lose.

The islands form a ring; every `every` rounds each sends its `migrants` best to its successor.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from blis.foundation.checks import check_choice, check_int, check_keys
from evolve.algorithms import ga, gp, nsga2
from evolve.genomes.seeding import Draws
from evolve.problem import Problem
from evolve.records import Genome, Proposal, Score
from evolve.selection.breeding import Breeding
from evolve.selection.individual import Individual

#: What may live on an island: algorithms that have a population.
INNER: Mapping[str, Any] = {"ga": ga, "gp": gp, "nsga2": nsga2}

#: Populations apart.
MOST_ISLANDS = 100

KEYS = ("islands", "every", "migrants", "inner")


@dataclass(frozen=True, slots=True)
class Params:
    """The islands, and what lives on each."""

    islands: int
    every: int  #: rounds between migrations
    migrants: int  #: copies that an island sends
    inner: str  #: the algorithm's name
    inner_params: Any

    @classmethod
    def from_mapping(cls, where: str, mapping: Mapping[str, Any]) -> "Params":
        """Strict: unknown and absent keys are errors."""
        given = check_keys(where, mapping, KEYS, KEYS)
        inner = dict(check_keys(f"{where}.inner", given["inner"], given["inner"], ("name",)))
        name = check_choice(f"{where}.inner.name", inner.pop("name"), INNER)
        return cls(
            islands=check_int(f"{where}.islands", given["islands"], 2, MOST_ISLANDS),
            every=check_int(f"{where}.every", given["every"], 1),
            migrants=check_int(f"{where}.migrants", given["migrants"], 1),
            inner=name,
            inner_params=INNER[name].Params.from_mapping(f"{where}.inner", inner),
        )


def search(problem: Problem, params: Params, draws: Draws, first: Sequence[Genome]) -> "Archipelago":
    """Islands of one algorithm; the first genomes are dealt out to them in turn."""
    islands = [
        INNER[params.inner].search(
            problem, params.inner_params, partial(draws, "island", island), first[island :: params.islands]
        )
        for island in range(params.islands)
    ]
    return Archipelago(params, islands)


class Archipelago:
    """Rounds that are those of all islands, one after the other."""

    def __init__(self, params: Params, islands: Sequence[Breeding]) -> None:
        self.params, self.islands = params, islands
        self.generation = 0

    def ask(self) -> list[Proposal]:
        """What each island asks for."""
        return [proposal for island in self.islands for proposal in island.ask()]

    def tell(self, scores: Sequence[Score]) -> None:
        """Each island its scores; then, when it is time, the migration."""
        rest = list(scores)
        for island in self.islands:
            count = len(island.ask())
            island.tell(rest[:count])
            rest = rest[count:]
        self.generation += 1
        if self.generation % self.params.every == 0:
            sent = [island.emigrants(self.params.migrants) for island in self.islands]
            for place, island in enumerate(self.islands):
                island.immigrate(sent[place - 1])

    def kept(self) -> list[Individual]:
        """Who lives on the islands."""
        return [individual for island in self.islands for individual in island.kept()]

    def judged_again(self, scores: Mapping[str, Score]) -> None:
        """Each island those of its own."""
        for island in self.islands:
            island.judged_again(scores)

    def state(self) -> dict[str, Any]:
        """The states of the islands."""
        return {"generation": self.generation, "islands": [island.state() for island in self.islands]}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue with those islands."""
        self.generation = state["generation"]
        for island, inner in zip(self.islands, state["islands"], strict=True):
            island.restore(inner)
