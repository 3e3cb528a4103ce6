"""CMA-MAE of pyribs: CMA-ES that is drawn to where its search has improved little yet, among policies that behave
differently (Fontaine and Nikolaidis, "Covariance matrix adaptation MAP-annealing", 2023).

How a policy behaves is told by two figures of its runs: what share of the prompt blocks was found in a cache, and how
unevenly requests were spread. Every cell of that plane has a threshold, which follows the best that was found there by
a share of `learning_rate`, and a sample counts by how far it is above the threshold of its cell: with 0 this is plain
CMA-ES, with 1 every cell looks for its own best.

For problems whose genes are all numbers. Nothing of pyribs' own state is kept: a search that goes on asks and tells
again what it had asked and been told, which takes milliseconds a round and simulates nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from blis.foundation.checks import check_int, check_keys, check_number
from blis.foundation.errors import ConfigError
from blis.foundation.units import Float64Vector
from evolve.genomes.coordinates import check_expressible
from evolve.genomes.seeding import Draws
from evolve.problem import Problem
from evolve.records import Genome, Proposal, Score
from evolve.selection.variation import MOST_CANDIDATES, first_round

KEYS = ("population", "emitters", "sigma", "learning_rate", "cells")

#: The plane of behaviours: figures of a run, and the range in which they are told apart.
BEHAVIOUR: Mapping[str, tuple[float, float]] = {"cache_hit_rate": (0.0, 1.0), "routed_max_over_mean": (1.0, 3.0)}

#: Values of 0 and less, of what breaks constraints or was left behind, become worths above 0 and up to this.
_LEAST_WORTH = 1e-3

#: Samples that a distribution needs to learn from, and cells of each axis that are more than any search fills.
_LEAST_SAMPLES, _MOST_CELLS = 4, 1000


@dataclass(frozen=True, slots=True)
class Params:
    """Sizes."""

    population: int  #: samples of a round, of all emitters together
    emitters: int  #: distributions beside each other
    sigma: float  #: first step size, as a share of each gene's range
    learning_rate: float  #: by which a cell's threshold follows what is found there
    cells: int  #: on each axis of the plane of behaviours

    @classmethod
    def from_mapping(cls, where: str, mapping: Mapping[str, Any]) -> "Params":
        """Strict: unknown and absent keys are errors."""
        given = check_keys(where, mapping, KEYS, KEYS)
        emitters = check_int(f"{where}.emitters", given["emitters"], 1, MOST_CANDIDATES // _LEAST_SAMPLES)
        population = check_int(f"{where}.population", given["population"], _LEAST_SAMPLES * emitters, MOST_CANDIDATES)
        if population % emitters:
            raise ConfigError(
                f"{where}.population must be a multiple of emitters, whose samples it is; got {population} and "
                f"{emitters}."
            )
        return cls(
            population=population,
            emitters=emitters,
            sigma=check_number(f"{where}.sigma", given["sigma"], maximum=1, above=0),
            learning_rate=check_number(f"{where}.learning_rate", given["learning_rate"], 0, 1),
            cells=check_int(f"{where}.cells", given["cells"], 1, _MOST_CELLS),
        )


class Outcome(NamedTuple):
    """What was told of a sample."""

    worth: float  #: above 0
    behaviour: tuple[float, ...]  #: its place in the plane


def search(problem: Problem, params: Params, draws: Draws, first: Sequence[Genome]) -> "AnnealingSearch":
    """CMA-MAE.

    Raises
    ------
    ConfigError
        If a gene is not made of numbers, or pyribs is not installed.
    """
    check_expressible("cma_mae", problem.genes, with_choices=False)
    return AnnealingSearch(problem, params, draws, first, _ribs())


class AnnealingSearch:
    """Rounds of samples from all distributions."""

    def __init__(self, problem: Problem, params: Params, draws: Draws, first: Sequence[Genome], ribs: Any) -> None:
        self.problem, self.params, self.draws, self.first = problem, params, draws, first
        self.generation = 0
        self.told: list[list[Outcome]] = []  #: of every round
        self._ribs = ribs
        self._archive: Any = None
        self._emitters: list[Any] = []
        self._vectors: Float64Vector = np.empty((0, 0))
        self._asked: list[Proposal] = []

    def ask(self) -> list[Proposal]:
        """The known policies and uniform samples at first, then samples of the distributions."""
        if not self._asked:
            if self.generation == 0:
                random = self.draws(self.generation)
                self._asked = first_round(self.problem, self.params.population, random, self.first)
                self._vectors = np.array([self.problem.to_vector(proposal.genome) for proposal in self._asked])
            else:
                samples = np.concatenate([emitter.ask() for emitter in self._emitters])
                self._vectors = np.clip(samples, 0.0, 1.0)
                self._asked = [Proposal(self.problem.from_vector(vector)) for vector in self._vectors]
        return self._asked

    def tell(self, scores: Sequence[Score]) -> None:
        """Raise the thresholds, and move each distribution to where it was above them."""
        self._learn([_outcome(score) for score in scores])

    def state(self) -> dict[str, Any]:
        """What was told, round by round."""
        return {"told": [[[one.worth, *one.behaviour] for one in outcomes] for outcomes in self.told]}

    def restore(self, state: dict[str, Any]) -> None:
        """Ask and be told all of it again."""
        self.generation, self.told, self._asked = 0, [], []
        for outcomes in state["told"]:
            self._learn([Outcome(worth, tuple(behaviour)) for worth, *behaviour in outcomes])

    def _learn(self, outcomes: list[Outcome]) -> None:
        self.ask()
        worth = np.array([one.worth for one in outcomes])
        behaviour = np.array([one.behaviour for one in outcomes])
        if self.generation == 0:
            self._begin(worth, behaviour)
        else:
            size = self.params.population // self.params.emitters
            for place, emitter in enumerate(self._emitters):
                own = slice(place * size, (place + 1) * size)
                told = (self._vectors[own], worth[own], behaviour[own])
                emitter.tell(*told, self._archive.add(*told))
        self.told.append(outcomes)
        self.generation += 1
        self._asked = []

    def _begin(self, worth: Float64Vector, behaviour: Float64Vector) -> None:
        """The plane with the first round in it, and distributions around the best of that."""
        n_continuous, params = self.problem.n_continuous, self.params
        archives, emitters = self._ribs
        self._archive = archives.GridArchive(
            solution_dim=n_continuous,
            dims=[params.cells] * len(BEHAVIOUR),
            ranges=list(BEHAVIOUR.values()),
            learning_rate=params.learning_rate,
            threshold_min=0.0,
            seed=self._seed("archive"),
        )
        self._archive.add(self._vectors, worth, behaviour)
        self._emitters = [
            emitters.EvolutionStrategyEmitter(
                self._archive,
                x0=self._vectors[int(worth.argmax())],
                sigma0=params.sigma,
                ranker="imp",
                selection_rule="mu",
                restart_rule="basic",
                batch_size=params.population // params.emitters,
                seed=self._seed("emitter", place),
            )
            for place in range(params.emitters)
        ]

    def _seed(self, *names: str | int) -> int:
        return int(self.draws(*names).integers(2**32))


def _outcome(score: Score) -> Outcome:
    """Values as thresholds need them, above 0 and in the same order; figures that a run lacks count as the least."""
    value = score.values[0]
    figures = score.figures
    behaviour = tuple(
        low if (figure := figures.get(name)) is None else float(figure) for name, (low, _) in BEHAVIOUR.items()
    )
    return Outcome(float(value if value > 0.0 else _LEAST_WORTH / (1.0 - value)), behaviour)


def _ribs() -> tuple[Any, Any]:
    """The archives and emitters of pyribs.

    Raises
    ------
    ConfigError
        If it is not installed.
    """
    try:
        from ribs import archives, emitters
    except ImportError as error:
        raise ConfigError(
            "algorithm: 'cma_mae' needs the package ribs, see the extra 'optimisers'; install it, or choose another "
            f"algorithm ({error})."
        ) from error
    return archives, emitters
