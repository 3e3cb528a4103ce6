"""What passes between the parts of a search: genomes, tasks, records and scores; plain data, ready for JSON."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

#: A gene's value: a number, a name, or a list or mapping of them, as JSON and YAML have it.
Value: TypeAlias = Any

#: Gene name -> value, in the order of the problem's genes.
Genome: TypeAlias = dict[str, Value]


class Cost(NamedTuple):
    """What is simulated, at most or in all."""

    evaluations: int = 0
    requests: int = 0


class Proposal(NamedTuple):
    """A genome to be evaluated."""

    genome: Genome  #: in canonical form
    parents: tuple[str, ...] = ()  #: digests of the genomes that it was made from


@dataclass(frozen=True, slots=True)
class Phenotype:
    """What a genome means to the simulator."""

    policies: Mapping[str, Any]  #: question -> {"policy": name, parameter: value ...}; all questions
    limits: Mapping[str, int] = field(
        default_factory=dict
    )  #: batch limits that replace the scenario's, see `blis.policies.bundle`
    #: whether a policy is a Python callable, "module:function", that the user has allowed to be imported; what a genome
    #: or a bundle means never is
    allows_python: bool = False


@dataclass(frozen=True, slots=True)
class Task:
    """One simulation that is wanted."""

    phenotype: Phenotype
    scenario: str  #: name within the suite
    seed: int
    num_requests: int  #: how many of the scenario's requests, its fidelity
    digest: str  #: content address of everything the outcome depends on
    needs_trace: bool = False  #: whether decisions are traced, for the figures of anomalies and regret


@dataclass(frozen=True, slots=True)
class Record:
    """What came of a task. Equal for equal tasks, wherever they ran: the wall clock does not count."""

    figures: Mapping[str, float | None]  #: the metrics that objectives read; empty after a failure
    simulated_requests: int
    error: str | None = None  #: why it failed; None: it did not
    wall_ms: float = field(default=0.0, compare=False)


@dataclass(frozen=True, slots=True)
class Score:
    """How good a genome is, relative to the best baseline on the same scenarios and seeds."""

    objectives: tuple[float, ...]  #: > 0 and finite, larger is better; 1 is as good as the best baseline
    violation: float = 0.0  #: by how much constraints are broken, in all; 0: feasible
    rungs_short: int = 0  #: rungs that it was not thought good enough to climb, see `evolve.plan.ladder`
    #: mean figures of its runs, for algorithms that want different behaviour; they make it neither better nor worse
    figures: Mapping[str, float | None] = field(default_factory=dict, compare=False, repr=False)

    @property
    def is_feasible(self) -> bool:
        """Whether every constraint holds."""
        return self.violation == 0.0

    @property
    def values(self) -> tuple[float, ...]:
        """What an algorithm maximises.

        Whoever climbed further up the ladder is above; on one rung any feasible genome is above any other, and among
        those less violation is.
        """
        if self.is_feasible and self.rungs_short == 0:
            return self.objectives
        below = -2.0 * self.rungs_short
        if not self.is_feasible:  # in (-1, 0), so that no violation reaches down to the next rung
            return (below - self.violation / (1.0 + self.violation),) * len(self.objectives)
        return tuple(below + value / (1.0 + value) for value in self.objectives)

    @property
    def fitness(self) -> float:
        """The one value that progress is told by: the geometric mean of the objectives, or minus the violation."""
        if not self.is_feasible:
            return -self.violation
        return math.prod(self.objectives) ** (1.0 / len(self.objectives))
