"""Fitness relative to a baseline: how many times better, over several scenarios, without breaking a constraint.

The value of one scenario is the weighted geometric mean of its objectives' ratios (`blis.fitness.ratio`): halving a
latency and doubling another is no gain. How scenarios become one value says `blis.fitness.aggregate`.

Constraints are not weighed against objectives: a value counts only where the violation is 0.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from blis.fitness.aggregate import aggregate
from blis.fitness.constraints import DEFAULT_CONSTRAINTS, WHOLE, Constraint, read_constraints
from blis.fitness.objectives import Figures, Objective, objective, value_of
from blis.fitness.ratio import MOST, ratio
from blis.foundation.checks import check_keys, check_number
from blis.foundation.errors import ConfigError
from blis.foundation.words import shown

PENALTY = 0.25


class Run(NamedTuple):
    """What is compared on one scenario and seed."""

    scenario: str  #: its name, for messages
    figures: Figures  #: of the policy that is judged
    baseline: Figures  #: of the baseline, on the same requests
    floor: Figures | None = None  #: what relative constraints compare with; None: the baseline


class Worth(NamedTuple):
    """How good a policy is, relative to the baseline."""

    value: float  #: > 0 and finite, 1: as good as the baseline; counts only if `violation` is 0
    violation: float  #: what constraints miss in the mean over scenarios; a figure that does not exist misses 1
    by_objective: Mapping[str, float]  #: the same value of each objective alone, for a multi-objective search
    ratios: tuple[Mapping[str, float], ...]  #: of each run: objective to its ratio, above 1 is better
    reasons: tuple[str, ...]  #: what is violated, in words

    @property
    def is_feasible(self) -> bool:
        """Whether every constraint holds and every figure exists."""
        return self.violation == 0.0


@dataclass(frozen=True, slots=True)
class Normalized:
    """Objectives with their weights, constraints, and how losses are punished."""

    objectives: Mapping[str, float]  #: figure to weight > 0; only ratios of weights matter
    constraints: tuple[Constraint, ...] = DEFAULT_CONSTRAINTS
    penalty: float = PENALTY  #: in [0, 1], for losing somewhere
    #: scenario -> how much known policies differ there; empty: ratios of all scenarios count as they are
    spreads: Mapping[str, float] = field(default_factory=dict)
    #: how objectives are judged that are no figures of `blis.metrics.figures`
    further: Mapping[str, Objective] = field(default_factory=dict)

    @classmethod
    def from_mapping(cls, where: str, mapping: object) -> "Normalized":
        """The fitness that a plain mapping describes.

        Parameters
        ----------
        where : str
            Path of the mapping, for messages.
        mapping : mapping
            `objectives` (figure to weight), and, if the default is not wanted, `constraints` (see
            `blis.fitness.constraints`) and `penalty`.

        Raises
        ------
        ConfigError
            If a key or a figure is unknown, or a value out of range.
        """
        keys = ("objectives", "constraints", "penalty")
        given = check_keys(where, mapping, keys, ("objectives",))
        weights = given["objectives"]
        if not isinstance(weights, Mapping) or not weights:
            raise ConfigError(f"{where}.objectives must map at least one figure to a weight > 0; got {shown(weights)}.")
        for name in weights:
            objective(f"{where}.objectives", name)
        return cls(
            objectives={
                name: check_number(f"{where}.objectives.{name}", weight, above=0) for name, weight in weights.items()
            },
            constraints=read_constraints(f"{where}.constraints", given.get("constraints")),
            penalty=check_number(f"{where}.penalty", given.get("penalty", PENALTY), 0, 1),
        )

    def worth(self, runs: Sequence[Run]) -> Worth:
        """Judge a policy by its runs on all scenarios and seeds.

        Runs of one scenario count as one: its value is the geometric mean over them, so that chance on one seed is not
        punished as the loss of a scenario.

        Raises
        ------
        ConfigError
            If there is no run, or a baseline lacks an objective, so that nothing can be relative to it.
        """
        if not runs:
            raise ConfigError("normalized fitness must have at least one run to judge; got none.")
        violation = 0.0
        reasons: list[str] = []
        ratios: list[dict[str, float]] = []
        for run in runs:
            of_run = {name: self._ratio(run, name) for name in self.objectives}
            undefined = [name for name, found in of_run.items() if found is None]
            reasons += [f"{run.scenario}: {name} misses {WHOLE:.4g}" for name in undefined]
            violation += WHOLE * len(undefined)
            ratios.append({name: 1.0 / MOST if found is None else found for name, found in of_run.items()})
        scenarios = [run.scenario for run in runs]
        where = scenarios[0] if len(set(scenarios)) == 1 else "over all scenarios"
        for name, by in self._missed(runs).items():
            reasons.append(f"{where}: {name} misses {by:.4g}")
            violation += by
        value, by_objective = self.joined(scenarios, ratios)
        return Worth(value, violation, by_objective, tuple(ratios), tuple(reasons))

    def joined(self, scenarios: Sequence[str], ratios: Sequence[Mapping[str, float]]) -> tuple[float, dict[str, float]]:
        """Some runs' ratios as one value, and as one of each objective alone.

        Parameters
        ----------
        scenarios : sequence of str
            Of each run.
        ratios : sequence of mapping
            Of each run, as `Worth` has them.
        """
        total = sum(self.objectives.values())
        logs = [sum(self.objectives[name] * math.log(found) for name, found in one.items()) / total for one in ratios]
        alone = {name: [math.log(one[name]) for one in ratios] for name in self.objectives}
        by_objective = {name: self._over_scenarios(scenarios, own) for name, own in alone.items()}
        return self._over_scenarios(scenarios, logs), by_objective

    def _missed(self, runs: Sequence[Run]) -> dict[str, float]:
        """By how much each broken constraint misses, in the mean over scenarios of the mean over each one's runs.

        What is lost on a single scenario is punished by the penalty; what may not be given up is service as a whole.
        """
        missed = {}
        for one in self.constraints:
            own = _mean_figure(runs, [run.figures for run in runs], one.figure)
            floors = [run.baseline if run.floor is None else run.floor for run in runs]
            floor = _mean_figure(runs, floors, one.figure)
            missed[one.figure] = one.violation({one.figure: own}, {one.figure: floor})
        return {name: by for name, by in missed.items() if by > 0}

    def _ratio(self, run: Run, name: str) -> float | None:
        """None if the judged policy has no such figure."""
        baseline = value_of(run.baseline, name)
        if baseline is None:
            raise ConfigError(
                f"{run.scenario}: the baseline's {name} must be a number, to be relative to; got "
                f"{shown(run.baseline.get(name))}. Choose another objective or scenario."
            )
        value = value_of(run.figures, name)
        if value is None:
            return None
        return ratio(self.further.get(name) or objective("objectives", name), value, baseline)

    def _over_scenarios(self, scenarios: Sequence[str], logs: Sequence[float]) -> float:
        """All scenarios as one value; in each, runs meet in their geometric mean."""
        by_scenario: dict[str, list[float]] = {}
        for scenario, log in zip(scenarios, logs, strict=True):
            by_scenario.setdefault(scenario, []).append(log)
        means = {scenario: sum(own) / len(own) for scenario, own in by_scenario.items()}
        return math.exp(aggregate(means, self.spreads, self.penalty))


def _mean_figure(runs: Sequence[Run], figures: Sequence[Figures], name: str) -> float | None:
    """Mean over scenarios of the mean over their runs; None if one of the runs lacks the figure."""
    by_scenario: dict[str, list[float]] = {}
    for run, one in zip(runs, figures, strict=True):
        value = value_of(one, name)
        if value is None:
            return None
        by_scenario.setdefault(run.scenario, []).append(value)
    return sum(sum(own) / len(own) for own in by_scenario.values()) / len(by_scenario)
