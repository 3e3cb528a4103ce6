"""What is one search made of?

`Plan` holds its parts, ready to be used. `budget` says how much it may spend, and `ladder` how closely it looks at
candidates.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evolve.algorithms import Algorithm
from evolve.genomes.phenotype import signature
from evolve.judging.fitness import Judge
from evolve.judging.goals import Goals
from evolve.plan.budget import Budget
from evolve.plan.ladder import Ladder
from evolve.practice.practice import Practice
from evolve.problem import Problem
from evolve.records import Genome, Phenotype, Record
from evolve.trials.suite import Suite


@dataclass(frozen=True, slots=True)
class Labels:
    """What people call a search by."""

    problem: str
    algorithm: str
    suite: str
    seed: int

    @property
    def title(self) -> str:
        """All of them in one line."""
        return f"{self.problem} {self.algorithm} seed {self.seed}"


@dataclass(frozen=True, slots=True)
class Plan:
    """The parts of a search, ready to be used."""

    folder: Path  #: the run folder
    labels: Labels
    problem: Problem
    algorithm: Algorithm
    suite: Suite
    judge: Judge
    baselines: Mapping[str, Phenotype]  #: whom the judge compares with
    store: dict[str, Record]  #: the judge's: digest of a task -> its record
    goals: Goals
    first: tuple[Genome, ...]  #: known policies, as genomes
    ladder: Ladder
    budget: Budget
    finalists: int  #: how many of the best are judged again
    document: Mapping[str, Any]  #: the composed configuration as plain data
    notes: tuple[str, ...] = ()  #: what people should know about it
    practice: Practice | None = None  #: the algorithm's teacher, if it takes lessons
    circumstances: Callable[[], Mapping[str, float]] = dict  #: the evaluator's, for trackers

    @property
    def objectives(self) -> tuple[str, ...]:
        """Names, as many as a score has objectives."""
        return self.goals.names

    def meet(self, turn: int | str) -> None:
        """Let judge and teacher meet this turn's training scenarios, where they differ from turn to turn."""
        if not self.suite.varies:
            return
        drawn = self.suite.drawn(self.labels.seed, turn)
        self.judge.meet(drawn)
        if self.practice is not None:
            self.practice.meet(drawn)

    def behaviour(self, genome: Genome) -> str:
        """Equal for genomes that need be simulated once only: those that decide alike.

        Where complexity is an objective, only those that are as complex count as equal.
        """
        decisions = signature(self.problem.decode(genome))
        if "complexity" not in self.goals.objectives:
            return decisions
        return f"{decisions} {self.problem.complexity(genome):g}"
