"""Policy iteration: learns from what would have come of other decisions, and evolves where nothing more can be learnt.

A round takes the best policy so far, makes sampled routing decisions of it otherwise, fits weights or formulas to which
choice was the better one (`evolve.learning`), and has what it learnt judged beside mutants of it. The best of all is
where the next round begins (Howard 1960; by rollouts: Lagoudakis and Parr, "Reinforcement learning as classification",
ICML 2003; the judging between rounds is what keeps it from getting worse). After a round without progress the next
lessons are on twice as many decisions; after `patience` such rounds the best are bred, until there is a better one to
learn from.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from deap import tools

from blis.foundation.checks import check_int, check_keys, check_number
from evolve.genomes.seeding import Draws
from evolve.learning.routing import learnt, pupils_of
from evolve.practice import Teacher
from evolve.problem import Problem
from evolve.records import Genome, Proposal, Score
from evolve.selection.breeding import check_tournament
from evolve.selection.individual import Individual
from evolve.selection.ranking import Stagnation, best_first, without_duplicates
from evolve.selection.variation import MOST_CANDIDATES, children_of, first_round, individuals_of

#: It is handed a `Teacher`.
NEEDS_LESSONS = True

KEYS = ("decisions", "candidates", "population", "crossover", "tournament", "patience")
_MOST_DECISIONS = 100_000


@dataclass(frozen=True, slots=True)
class Params:
    """How much is practised, judged and kept."""

    decisions: int  #: routing decisions that a round makes otherwise
    candidates: int  #: genomes of a round
    population: int  #: of the best, who may become parents
    crossover: float  #: share of children that have two parents
    tournament: int  #: individuals of whom the best becomes a parent
    patience: int  #: rounds of lessons without progress until it breeds

    @classmethod
    def from_mapping(cls, where: str, mapping: Mapping[str, Any]) -> "Params":
        """Strict: unknown and absent keys are errors."""
        given = check_keys(where, mapping, KEYS, KEYS)
        return cls(
            decisions=check_int(f"{where}.decisions", given["decisions"], 1, _MOST_DECISIONS),
            candidates=check_int(f"{where}.candidates", given["candidates"], 1, MOST_CANDIDATES),
            population=check_int(f"{where}.population", given["population"], 2, MOST_CANDIDATES),
            crossover=check_number(f"{where}.crossover", given["crossover"], 0, 1),
            tournament=check_tournament(where, given),
            patience=check_int(f"{where}.patience", given["patience"], 1),
        )


def search(
    problem: Problem, params: Params, draws: Draws, first: Sequence[Genome], teacher: Teacher
) -> "PolicyIteration":
    """Policy iteration from the best known policy.

    Raises
    ------
    ConfigError
        If nothing of the problem can learn from routing decisions.
    """
    return PolicyIteration(problem, params, draws, first, teacher)


class PolicyIteration:
    """Rounds of lessons, and of breeding."""

    def __init__(
        self, problem: Problem, params: Params, draws: Draws, first: Sequence[Genome], teacher: Teacher
    ) -> None:
        self.problem, self.params, self.draws, self.first, self.teacher = problem, params, draws, first, teacher
        self.pupils = pupils_of(problem)
        self.generation = 0
        self.population: list[Individual] = []
        self.best: float | None = None  #: value of the best at the last progress
        self.turn = 0  #: rounds of lessons so far
        self.stalled = 0  #: of them, those since the last progress
        self._is_lesson = False
        self._asked: list[Proposal] = []

    def ask(self) -> list[Proposal]:
        """The known policies at first; then what lessons on the best taught, or children of the best."""
        if not self._asked:
            random = self.draws(self.generation)
            if not self.population:
                self._asked = first_round(self.problem, len(self.first) or self.params.candidates, random, self.first)
                return self._asked
            self._is_lesson = self.stalled < self.params.patience
            self._asked = (self._taught(random) if self._is_lesson else []) or self._bred(random)
        return self._asked

    def tell(self, scores: Sequence[Score]) -> None:
        """Keep the best, and note whether the round brought any progress."""
        told = individuals_of(self.problem, self.ask(), scores)
        self.population = best_first(without_duplicates([*self.population, *told]), self.params.population)
        value = self.population[0].score.values[0]
        if self.best is None or value > self.best + Stagnation.LEAST_GAIN * abs(self.best):
            self.best, self.stalled = value, 0
        elif self._is_lesson:
            self.stalled += 1
        self.turn += self._is_lesson
        self.generation += 1
        self._asked, self._is_lesson = [], False

    def kept(self) -> list[Individual]:
        """The best."""
        return list(self.population)

    def judged_again(self, scores: Mapping[str, Score]) -> None:
        """The best with these scores."""
        if not self.population:
            return
        self.population = best_first([one.rescored(scores.get(one.digest, one.score)) for one in self.population])
        self.best = self.population[0].score.values[0]
        self._asked = []

    def state(self) -> dict[str, Any]:
        """The best and counters."""
        return {
            "generation": self.generation,
            "population": [individual.state() for individual in self.population],
            "best": self.best,
            "turn": self.turn,
            "stalled": self.stalled,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continue with them; lessons are given again where a round had begun."""
        self.generation, self.turn, self.stalled = state["generation"], state["turn"], state["stalled"]
        self.population = [Individual.from_state(individual) for individual in state["population"]]
        self.best = state["best"]
        self._asked, self._is_lesson = [], False

    def _taught(self, random: np.random.Generator) -> list[Proposal]:
        """What lessons on the best teach, and mutants of it; nothing if they teach nothing."""
        best = self.population[0]
        lessons = self.teacher.lessons(
            self.problem.decode(best.genome), self.params.decisions * 2**self.stalled, self.turn
        )
        found = {self.problem.digest(one): one for one in learnt(self.pupils, lessons, best.genome)}
        found.pop(best.digest, None)
        taught = list(found.values())[: self.params.candidates]
        for place in range(self.params.candidates - len(taught) if taught else 0):
            mutant = self.problem.mutate(taught[place % len(taught)], random)
            found.setdefault(self.problem.digest(mutant), mutant)
        return [Proposal(one, (best.digest,)) for one in list(found.values())[: self.params.candidates]]

    def _bred(self, random: np.random.Generator) -> list[Proposal]:
        """Children of the best."""

        def choose(population: list[Individual], count: int) -> list[Individual]:
            chosen: list[Individual] = tools.selTournament(population, count, self.params.tournament)
            return chosen

        return children_of(self.problem, self.population, self.params.candidates, self.params.crossover, choose, random)
