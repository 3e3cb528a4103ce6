"""CMA-ES of Optuna: what `cmaes` finds should not be owed to how well, or badly, that one is written.

The first round holds the known policies and uniform samples, and its best genome is where the distribution starts.
After `patience` rounds without progress it starts anew elsewhere. For problems whose genes are all numbers. Nothing of
Optuna's own state is kept: a search that goes on asks and tells again what it had asked and been told, which takes
milliseconds a round and simulates nothing.
"""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from blis.foundation.errors import ConfigError
from blis.foundation.units import Float64Vector
from evolve.algorithms.cmaes import Params
from evolve.algorithms.optuna_library import optuna_library
from evolve.genomes.coordinates import check_expressible
from evolve.genomes.seeding import Draws
from evolve.problem import Problem
from evolve.records import Genome, Proposal, Score
from evolve.selection.ranking import Stagnation
from evolve.selection.variation import first_round

#: A distribution over one number has no shape to learn; Optuna draws at random there.
_LEAST_NUMBERS = 2


def search(problem: Problem, params: Params, draws: Draws, first: Sequence[Genome]) -> "OptunaCmaSearch":
    """CMA-ES of Optuna.

    Raises
    ------
    ConfigError
        If a gene is not made of numbers, there is a single number, or Optuna or cmaes is not installed.
    """
    check_expressible("cmaes_optuna", problem.genes, with_choices=False)
    if problem.n_continuous < _LEAST_NUMBERS:
        raise ConfigError(
            "algorithm: cmaes_optuna must have two numbers or more to search; got one. Choose cmaes or ga."
        )
    return OptunaCmaSearch(problem, params, draws, first, optuna_library("cmaes_optuna", "cmaes"))


class OptunaCmaSearch:
    """Rounds of samples from the distribution."""

    def __init__(self, problem: Problem, params: Params, draws: Draws, first: Sequence[Genome], optuna: Any) -> None:
        self.problem, self.params, self.draws, self.first = problem, params, draws, first
        self.generation = 0
        self.told: list[list[float]] = []  #: values of every round
        self.stagnation = Stagnation(params.patience)
        self._optuna = optuna
        self._names = [f"x{place}" for place in range(problem.n_continuous)]
        self._study: Any = None  #: None: the next round is of uniform samples
        self._trials: list[Any] = []
        self._asked: list[Proposal] = []

    def ask(self) -> list[Proposal]:
        """Samples of the distribution; uniform ones at first and after a restart."""
        if not self._asked:
            if self._study is None:
                first = self.first if self.generation == 0 else ()
                random = self.draws(self.generation)
                self._asked = first_round(self.problem, self.params.population, random, first)
            else:
                self._trials = [self._study.ask() for _ in range(self.params.population)]
                self._asked = [Proposal(self.problem.from_vector(self._sampled(trial))) for trial in self._trials]
        return self._asked

    def tell(self, scores: Sequence[Score]) -> None:
        """Move the distribution towards the better ones."""
        self._learn([float(score.values[0]) for score in scores])

    def state(self) -> dict[str, Any]:
        """What was told, round by round."""
        return {"told": self.told}

    def restore(self, state: dict[str, Any]) -> None:
        """Ask and be told all of it again."""
        self.generation, self.told, self._study, self._asked = 0, [], None, []
        self.stagnation = Stagnation(self.params.patience)
        for values in state["told"]:
            self._learn(list(values))

    def _learn(self, values: list[float]) -> None:
        asked = self.ask()
        best = int(np.argmax(values))
        if self._study is None:
            self._study = self._begun(np.asarray(self.problem.to_vector(asked[best].genome)), values[best])
        else:
            for trial, value in zip(self._trials, values, strict=True):
                self._study.tell(trial, value)
        if self.stagnation.is_reached(values[best]):
            self._study = None
            self.stagnation = Stagnation(self.params.patience)
        self.told.append(values)
        self.generation += 1
        self._asked = []

    def _sampled(self, trial: Any) -> Float64Vector:
        return np.array([float(trial.suggest_float(name, 0.0, 1.0)) for name in self._names])

    def _begun(self, vector: Float64Vector, value: float) -> Any:
        """A study whose distribution begins at a genome."""
        optuna = self._optuna
        start = dict(zip(self._names, np.clip(vector, 0.0, 1.0).tolist(), strict=True))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # x0 and sigma0 will go with Optuna 6
            sampler = optuna.samplers.CmaEsSampler(
                x0=start,
                sigma0=self.params.sigma,
                popsize=self.params.population,
                seed=int(self.draws(self.generation, "distribution").integers(2**32)),
                n_startup_trials=1,  # the one that it begins at
                warn_independent_sampling=False,
            )
        study = optuna.create_study(direction="maximize", sampler=sampler)
        spread = optuna.distributions.FloatDistribution(0.0, 1.0)
        distributions = dict.fromkeys(self._names, spread)
        study.add_trial(optuna.trial.create_trial(params=start, distributions=distributions, value=value))
        return study
