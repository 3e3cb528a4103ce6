"""From records to a score: relative to the best known policy, scenario by scenario, on the same requests.

In each scenario the best baseline is the yardstick: the one with the best weighted mean of the objectives over the
same seeds, among those that keep the absolute constraints. `blis.fitness.normalized` makes the ratios to it one
value, each scenario in units of how much the policies of `evolve.judging.reference` differ there, under constraints
that no objective can buy off. They hold in the mean over scenarios. Relative constraints compare with the incumbent,
the one baseline that does best over all scenarios among those that refuse least, which is what one would run without
a search: no single policy keeps up with the best baseline of every scenario at once.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import NamedTuple

from blis.fitness.aggregate import spread_of
from blis.fitness.constraints import DEFAULT_CONSTRAINTS, Constraint
from blis.fitness.normalized import PENALTY, Normalized, Run
from blis.foundation.errors import ConfigError
from evolve.judging.goals import Goals, family
from evolve.records import Record, Score, Task

#: Baselines whose shares of refused requests differ by no more refuse alike: a percentage point.
REFUSALS_ALIKE = 0.01


class Rules(NamedTuple):
    """What fitness means."""

    goals: Goals
    constraints: tuple[Constraint, ...] = DEFAULT_CONSTRAINTS
    penalty: float = PENALTY  #: in [0, 1], for losing on a scenario

    def fitness(self, group: Mapping[str, float], spreads: Mapping[str, float] | None = None) -> Normalized:
        """How one of the score's values comes about; without spreads all scenarios count as they are."""
        judged = {name: family(name).JUDGED[name] for name in group}
        return Normalized(group, self.constraints, self.penalty, spreads or {}, judged)


class Results(NamedTuple):
    """What a policy did in one scenario."""

    name: str  #: of the policy
    records: tuple[Record, ...]  #: one for each seed
    complexity: float = 0.0  #: of the policy


@dataclass(frozen=True, slots=True)
class Judgement:
    """What came of a candidate in a role."""

    score: Score
    records: tuple[tuple[Task, Record], ...]  #: scenarios in the suite's order, for each all seeds
    figures: Mapping[str, float | None]  #: means over the records that have the figure
    ratios: Mapping[str, Mapping[str, float]]  #: scenario -> objective -> times better than the best baseline there
    values: Mapping[
        str, tuple[float, ...]
    ]  #: scenario -> for each of the score's values, times better than the best baseline
    reasons: tuple[str, ...]  #: which constraints are broken, and which simulations failed


def best_baseline(rules: Rules, group: Mapping[str, float], scenario: str, baselines: Sequence[Results]) -> Results:
    """The yardstick of a scenario.

    Raises
    ------
    ConfigError
        If no baseline succeeds, or an objective is not defined.
    """
    sound = [one for one in baselines if all(record.error is None for record in one.records)]
    if not sound:
        error = baselines[0].records[0].error
        raise ConfigError(f"baselines: none of them succeeds in scenario {scenario!r}; {baselines[0].name}: {error}.")
    absolute = tuple(replace(one, slack=None) for one in rules.constraints)
    fitness = replace(rules.fitness(group), constraints=absolute)
    # Ratios keep their order whoever they are relative to, so that any of the baselines serves.
    worths = [fitness.worth(runs_of(scenario, group, one, sound[0])) for one in sound]
    return sound[max(range(len(sound)), key=lambda place: (-worths[place].violation, worths[place].value))]


@dataclass(frozen=True, slots=True)
class Yardsticks:
    """What candidates are measured against in a role."""

    best: Mapping[str, Sequence[Results]]  #: scenario -> the best baseline for each of the score's values
    incumbent: Mapping[str, Results]  #: scenario -> the one baseline that does best over all of them
    spreads: Sequence[Mapping[str, float]]  #: for each of the score's values, scenario -> its spread


def yardsticks(
    rules: Rules, baselines: Sequence[Mapping[str, Results]], references: Sequence[Mapping[str, Results]] = ()
) -> Yardsticks:
    """The best baselines, from what each of them did in each scenario, and how much the references differ there.

    Raises
    ------
    ConfigError
        If no baseline succeeds in a scenario, or an objective is not defined.
    """
    best = {
        scenario: [
            best_baseline(rules, group, scenario, [one[scenario] for one in baselines]) for group in rules.goals.groups
        ]
        for scenario in baselines[0]
    }
    spreads = [_spreads(rules, place, best, references) for place in range(len(rules.goals.groups))]
    fewest = min(_refused(one) for one in baselines)
    admitting = [one for one in baselines if _refused(one) <= fewest + REFUSALS_ALIKE]
    incumbent = max(admitting, key=lambda one: _standing(rules, one, best, spreads))
    return Yardsticks(best, incumbent, spreads)


def _spreads(
    rules: Rules, place: int, best: Mapping[str, Sequence[Results]], references: Sequence[Mapping[str, Results]]
) -> dict[str, float]:
    """How much the references' values differ in each scenario; nothing if there are none."""
    group = rules.goals.groups[place]
    fitness = replace(rules.fitness(group), constraints=(), penalty=0.0)
    return {
        scenario: spread_of(
            [
                math.log(fitness.worth(runs_of(scenario, group, one[scenario], yardstick[place])).value)
                for one in references
            ]
        )
        for scenario, yardstick in best.items()
        if references
    }


def _refused(baseline: Mapping[str, Results]) -> float:
    """Share of requests that it refuses, in the mean over scenarios; who fails refuses all."""
    means = [
        sum(record.figures.get("rejection_ratio") or float(record.error is not None) for record in own.records)
        / len(own.records)
        for own in baseline.values()
    ]
    return sum(means) / len(means)


def _standing(
    rules: Rules,
    baseline: Mapping[str, Results],
    best: Mapping[str, Sequence[Results]],
    spreads: Sequence[Mapping[str, float]],
) -> tuple[float, float]:
    """How a baseline does over all scenarios: less violation of absolute constraints first, then more value."""
    if any(record.error is not None for own in baseline.values() for record in own.records):
        return (-math.inf, 0.0)
    absolute = tuple(replace(one, slack=None) for one in rules.constraints)
    violation, value = 0.0, 1.0
    for place, group in enumerate(rules.goals.groups):
        fitness = replace(rules.fitness(group, spreads[place]), constraints=absolute)
        runs = [
            run for scenario, own in baseline.items() for run in runs_of(scenario, group, own, best[scenario][place])
        ]
        worth = fitness.worth(runs)
        violation, value = max(violation, worth.violation), value * worth.value
    return (-violation, value)


def judgement(
    rules: Rules,
    tasks: Sequence[tuple[Task, Record]],
    results: Mapping[str, Results],
    measures: Yardsticks,
) -> Judgement:
    """Judge a candidate.

    Parameters
    ----------
    rules : Rules
    tasks : sequence of (Task, Record)
        All its simulations.
    results : mapping of str to Results
        The same records by scenario.
    measures : Yardsticks
    """
    objectives: list[float] = []
    violation = 0.0
    reasons: list[str] = [f"{task.scenario}: {record.error}" for task, record in tasks if record.error is not None]
    ratios: dict[str, dict[str, float]] = {scenario: {} for scenario in results}
    values: dict[str, tuple[float, ...]] = dict.fromkeys(results, ())
    for place, group in enumerate(rules.goals.groups):
        fitness = rules.fitness(group, measures.spreads[place])
        runs = {
            scenario: runs_of(scenario, group, own, measures.best[scenario][place], measures.incumbent[scenario])
            for scenario, own in results.items()
        }
        worth = fitness.worth([run for own in runs.values() for run in own])
        objectives.append(worth.value)
        violation = max(violation, worth.violation)
        reasons += worth.reasons
        alone = replace(fitness, penalty=0.0, spreads={})
        of_runs = iter(worth.ratios)
        for scenario, own in runs.items():
            value, by_objective = alone.joined([scenario] * len(own), list(islice(of_runs, len(own))))
            ratios[scenario] |= by_objective
            values[scenario] += (value,)
    figures = mean_figures([record for _, record in tasks])
    return Judgement(
        score=Score(tuple(objectives), violation, figures=figures),
        records=tuple(tasks),
        figures=figures,
        ratios=ratios,
        values=values,
        reasons=tuple(dict.fromkeys(reasons)),
    )


def mean_figures(records: Sequence[Record]) -> dict[str, float | None]:
    """Mean of each figure over the records that have it; None if none has."""
    names = dict.fromkeys(name for record in records for name in record.figures)
    means: dict[str, float | None] = {}
    for name in names:
        known = [value for record in records if (value := record.figures.get(name)) is not None]
        means[name] = sum(known) / len(known) if known else None
    return means


def runs_of(
    scenario: str, group: Mapping[str, float], own: Results, yardstick: Results, floor: Results | None = None
) -> list[Run]:
    """A candidate beside a baseline, seed by seed; constraints compare with `floor`, or else with the same baseline."""
    floors = (yardstick if floor is None else floor).records
    return [
        Run(
            scenario, _named(group, record, own.complexity), _named(group, reference, yardstick.complexity), low.figures
        )
        for record, reference, low in zip(own.records, yardstick.records, floors, strict=True)
    ]


def _named(group: Mapping[str, float], record: Record, complexity: float) -> dict[str, float | None]:
    """The record's figures, which constraints name, and the objectives by their own names."""
    return {**record.figures, **{name: family(name).value(name, record, complexity) for name in group}}
