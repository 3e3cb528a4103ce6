"""TPE, the tree-structured Parzen estimator of Optuna: models where good genomes are and where the others are, and
proposes what is likely among the former and unlikely among the latter (Bergstra et al. 2011; jointly over all numbers,
as in BOHB, Falkner et al. 2018).

For genes of numbers and of choices, where the numbers may depend on the choice. A round begins with all that was told
and a sampler seeded for this round alone: nothing of Optuna's own state has to be kept, and a search that goes on is
told the same.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from blis.foundation.checks import check_int, check_keys
from evolve.algorithms.optuna_library import optuna_library
from evolve.genomes.coordinates import Coordinates, assembled, check_expressible, coordinates, options
from evolve.genomes.seeding import Draws
from evolve.problem import Problem
from evolve.records import Genome, Proposal, Score
from evolve.selection.variation import MOST_CANDIDATES, first_round

KEYS = ("population", "candidates")
#: Samples of the good ones' density among which the most promising is proposed; more would only be slow.
_MOST_SAMPLES = 10_000


@dataclass(frozen=True, slots=True)
class Params:
    """Sizes."""

    population: int  #: genomes of a round
    candidates: int  #: samples among which each of them is the most promising

    @classmethod
    def from_mapping(cls, where: str, mapping: Mapping[str, Any]) -> "Params":
        """Strict: unknown and absent keys are errors."""
        given = check_keys(where, mapping, KEYS, KEYS)
        return cls(
            population=check_int(f"{where}.population", given["population"], 1, MOST_CANDIDATES),
            candidates=check_int(f"{where}.candidates", given["candidates"], 1, _MOST_SAMPLES),
        )


def search(problem: Problem, params: Params, draws: Draws, first: Sequence[Genome]) -> "ParzenSearch":
    """TPE from the known policies and uniform samples.

    Raises
    ------
    ConfigError
        If a gene has a formula, or Optuna is not installed.
    """
    check_expressible("tpe", problem.genes, with_choices=True)
    return ParzenSearch(problem, params, draws, first, optuna_library("tpe"))


class ParzenSearch:
    """Rounds of proposals by the densities of what was told."""

    def __init__(self, problem: Problem, params: Params, draws: Draws, first: Sequence[Genome], optuna: Any) -> None:
        self.problem, self.params, self.draws, self.first = problem, params, draws, first
        self.generation = 0
        self.told: list[tuple[Coordinates, float]] = []  #: every genome so far, and its value
        self._optuna = optuna
        self._asked: list[Proposal] = []
        self._coordinates: list[Coordinates] = []  #: of what is asked

    def ask(self) -> list[Proposal]:
        """The known policies and samples at first, then what the densities say."""
        if self._asked:
            return self._asked
        random = self.draws(self.generation)
        if not self.told:
            self._asked = first_round(self.problem, self.params.population, random, self.first)
            self._coordinates = [coordinates(self.problem.genes, proposal.genome) for proposal in self._asked]
            return self._asked
        study = self._study(int(random.integers(2**32)))
        # A trial that is not told yet counts as a bad one ("constant liar"), so that a round's proposals differ.
        trials = []
        for _ in range(self.params.population):
            trials.append(study.ask())
            self._asked.append(Proposal(assembled(self.problem.genes, _Trial(trials[-1]))))
        self._coordinates = [dict(trial.params) for trial in trials]
        return self._asked

    def tell(self, scores: Sequence[Score]) -> None:
        """Remember them."""
        self.ask()
        self.told += [(where, float(score.values[0])) for where, score in zip(self._coordinates, scores, strict=True)]
        self.generation += 1
        self._asked = []

    def state(self) -> dict[str, Any]:
        """All that was told."""
        return {"generation": self.generation, "told": [[where, value] for where, value in self.told]}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue with what was told then."""
        self.generation = state["generation"]
        self.told = [(dict(where), value) for where, value in state["told"]]
        self._asked = []

    def _study(self, seed: int) -> Any:
        """Optuna's study of all that was told, with a sampler of its own."""
        optuna = self._optuna
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # numbers that hang on a choice
            sampler = optuna.samplers.TPESampler(
                n_startup_trials=1,  # the first round is the start
                n_ei_candidates=self.params.candidates,
                seed=seed,
                multivariate=True,
                group=True,
                constant_liar=True,
            )
        study = optuna.create_study(direction="maximize", sampler=sampler)
        spread = optuna.distributions.FloatDistribution(0.0, 1.0)
        known = {
            name: optuna.distributions.CategoricalDistribution(among) if among else spread
            for name, among in options(self.problem.genes).items()
        }
        study.add_trials(
            optuna.trial.create_trial(
                params=dict(where), distributions={name: known[name] for name in where}, value=value
            )
            for where, value in self.told
        )
        return study


class _Trial:
    """Coordinates as a trial of Optuna suggests them."""

    def __init__(self, trial: Any) -> None:
        self._trial = trial

    def number(self, name: str) -> float:
        return float(self._trial.suggest_float(name, 0.0, 1.0))

    def choice(self, name: str, options: Sequence[str]) -> str:
        return str(self._trial.suggest_categorical(name, tuple(options)))
