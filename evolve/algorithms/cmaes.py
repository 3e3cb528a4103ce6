"""CMA-ES, for problems whose genes are all numbers: adapts a normal distribution to the shape of the fitness (Hansen
and Ostermeier 2001).

The first round holds the known policies and uniform samples, and its best genome is where the distribution starts. What
falls outside the unit cube is clipped to it. After `patience` rounds without progress, or when the distribution has
become degenerate, it starts anew elsewhere.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from deap import cma

from blis.foundation.checks import check_int, check_keys, check_number
from blis.foundation.errors import ConfigError
from blis.foundation.units import Float64Vector
from evolve.genomes.seeding import Draws, deap_draws
from evolve.problem import Problem
from evolve.records import Genome, Proposal, Score
from evolve.selection.individual import Individual
from evolve.selection.ranking import Stagnation, best_first
from evolve.selection.variation import MOST_CANDIDATES, first_round, individuals_of

KEYS = ("population", "sigma", "patience")

#: The distribution's adapted arrays; with its sigma and its count of updates they are all that it remembers.
ARRAYS = ("centroid", "pc", "ps", "C", "B", "diagD")

#: Ratio of the longest to the shortest axis, and step size, at which nothing more can be learnt; as in Hansen's
#: tutorial (arXiv 1604.00772, B.3).
MOST_CONDITION = 1e7
LEAST_SIGMA = 1e-5


@dataclass(frozen=True, slots=True)
class Params:
    """Sizes."""

    population: int  #: samples of a round
    sigma: float  #: first step size, as a share of each gene's range
    patience: int  #: rounds without progress until a restart

    @classmethod
    def from_mapping(cls, where: str, mapping: Mapping[str, Any]) -> "Params":
        """Strict: unknown and absent keys are errors."""
        given = check_keys(where, mapping, KEYS, KEYS)
        return cls(
            population=check_int(f"{where}.population", given["population"], 4, MOST_CANDIDATES),
            sigma=check_number(f"{where}.sigma", given["sigma"], maximum=1, above=0),
            patience=check_int(f"{where}.patience", given["patience"], 1),
        )


def search(problem: Problem, params: Params, draws: Draws, first: Sequence[Genome]) -> "CmaSearch":
    """CMA-ES.

    Raises
    ------
    ConfigError
        If a gene is not made of numbers.
    """
    for gene in problem.genes:
        if not gene.n_continuous:
            raise ConfigError(
                f"algorithm: cmaes must have genes that are numbers only; got the gene {gene.name!r}, which is not. "
                "Freeze it in the problem, or choose ga."
            )
    return CmaSearch(problem, params, draws, first)


class CmaSearch:
    """Rounds of samples from the distribution."""

    def __init__(self, problem: Problem, params: Params, draws: Draws, first: Sequence[Genome]) -> None:
        self.problem, self.params, self.draws, self.first = problem, params, draws, first
        self.generation = 0
        self.strategy: cma.Strategy | None = None
        self.stagnation = Stagnation(params.patience)
        self._vectors: list[Float64Vector] = []
        self._asked: list[Proposal] = []

    def ask(self) -> list[Proposal]:
        """Samples of the distribution; uniform ones at first and after a restart."""
        if not self._asked:
            random = self.draws(self.generation)
            if self.strategy is None:
                first = self.first if self.generation == 0 else ()
                self._asked = first_round(self.problem, self.params.population, random, first)
            else:
                with deap_draws(random):
                    self._vectors = self.strategy.generate(lambda vector: np.clip(vector, 0.0, 1.0))
                self._asked = [Proposal(self.problem.from_vector(vector)) for vector in self._vectors]
        return self._asked

    def tell(self, scores: Sequence[Score]) -> None:
        """Move the distribution towards the better half."""
        told = individuals_of(self.problem, self.ask(), scores)
        best = best_first(told)[0]
        if self.strategy is None:
            self.strategy = self._started_at(np.asarray(self.problem.to_vector(best.genome)))
        else:
            self.strategy.update([_Point(vector, one) for vector, one in zip(self._vectors, told, strict=True)])
        if self.stagnation.is_reached(best.score.values[0]) or self._is_degenerate():
            self.strategy = None
            self.stagnation = Stagnation(self.params.patience)
        self.generation += 1
        self._asked = []

    def state(self) -> dict[str, Any]:
        """The distribution and counters."""
        state: dict[str, Any] = {"generation": self.generation, "stagnation": self.stagnation.state()}
        if self.strategy is not None:
            state |= {name: getattr(self.strategy, name).tolist() for name in ARRAYS}
            state |= {"sigma": float(self.strategy.sigma), "update_count": self.strategy.update_count}
        return state

    def restore(self, state: dict[str, Any]) -> None:
        """Continue with that distribution."""
        self.generation = state["generation"]
        self.stagnation.restore(state["stagnation"])
        self.strategy, self._asked = None, []
        if "sigma" in state:
            self.strategy = self._started_at(np.array(state["centroid"]))
            for name in ARRAYS:
                setattr(self.strategy, name, np.array(state[name]))
            self.strategy.BD = self.strategy.B * self.strategy.diagD
            self.strategy.sigma, self.strategy.update_count = state["sigma"], state["update_count"]

    def _started_at(self, centroid: Float64Vector) -> cma.Strategy:
        return cma.Strategy(centroid, self.params.sigma, lambda_=self.params.population)

    def _is_degenerate(self) -> bool:
        strategy = self.strategy
        if strategy is None:
            return False
        axes = strategy.diagD
        return bool(
            not np.isfinite(axes).all()
            or axes.min() <= 0
            or axes.max() > MOST_CONDITION * axes.min()
            or strategy.sigma * axes.max() < LEAST_SIGMA
        )


class _Point(np.ndarray):
    """A sample with a fitness, as DEAP's strategy sorts and averages them."""

    fitness: Any

    def __new__(cls, vector: Float64Vector, individual: Individual) -> "_Point":
        point = np.asarray(vector).view(cls)
        point.fitness = individual.fitness
        return point
