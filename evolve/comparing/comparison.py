"""A champion and a rival on the same requests: overall, by scenario and by objective."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from blis.foundation.units import Float64Vector
from evolve.comparing import Effect, Objective
from evolve.comparing.elsewhere import elsewhere
from evolve.comparing.gains import gains
from evolve.comparing.hierarchy import Generalisation, Hierarchy, by_family, generalisation, mean_log_gains
from evolve.comparing.intervals import effect
from evolve.records import Record

#: Sums of variances below this come of rounding.
_NO_NOISE = 1e-12


@dataclass(frozen=True, slots=True)
class Comparison:
    """The champion against one rival."""

    rival: str
    overall: Effect
    scenarios: Mapping[str, Effect]
    variances: Mapping[str, float]  #: of each scenario's mean log gain, by the noise over seeds; infinite for one run
    objectives: Mapping[str, Effect]
    wins: int  #: pairs of runs that the champion won; equal ones are neither won nor lost, repeated ones count once
    losses: int
    champion_failures: int  #: runs that failed
    rival_failures: int
    #: where scenarios are members of families; no result, so plain data leaves it out
    hierarchy: Hierarchy | None = field(default=None, repr=False, metadata={"plain": False})

    @property
    def noisiest(self) -> tuple[str, float]:
        """The scenario that holds most of the overall variance, and its share; shares are NaN where nothing varies."""
        name = max(self.variances, key=lambda one: self.variances[one])
        total = sum(self.variances.values())
        return name, self.variances[name] / total if _NO_NOISE < total < math.inf else math.nan

    @property
    def elsewhere(self) -> Effect | None:
        """What to expect on other scenarios of this kind, see `evolve.comparing.elsewhere`."""
        means = [math.log1p(effect.gain_percent / 100.0) for effect in self.scenarios.values()]
        return elsewhere(means, list(self.variances.values()), 0, self.rival)

    @property
    def generalisation(self) -> Generalisation | None:
        """What to expect on other members and other families; None where scenarios are not members of families."""
        if self.hierarchy is None:
            return None
        return generalisation(self.hierarchy, mean_log_gains(self.scenarios), 0, self.rival)

    @property
    def families(self) -> Mapping[str, Effect]:
        """Family -> the gain there, with its interval over members; nothing where there are no families."""
        return {} if self.hierarchy is None else by_family(self.hierarchy, mean_log_gains(self.scenarios), self.rival)

    @property
    def places(self) -> Mapping[str, Effect]:
        """Where the gain is shown: the families, whose members would be too many, or else the scenarios."""
        return self.families or self.scenarios

    @property
    def is_equal(self) -> bool:
        """Whether no run differed in what counts."""
        return self.wins == self.losses == 0


def compare(
    rival: str,
    scenarios: Sequence[str],
    ours: Sequence[Sequence[Record]],
    theirs: Sequence[Sequence[Record]],
    objectives: Sequence[Objective],
    seed: int,
) -> Comparison:
    """Compare records; the outer sequences are of scenarios, the inner ones of seeds."""
    rows, undefined = _rows(ours, theirs, objectives)
    repeated = [is_repeated(own) and is_repeated(other) for own, other in zip(ours, theirs, strict=True)]
    every = np.concatenate([row[:1] if again else row for row, again in zip(rows, repeated, strict=True)])
    by_objective = {}
    for objective in objectives:
        own_rows, own_undefined = _rows(ours, theirs, [objective])
        by_objective[objective.name] = effect(own_rows, seed, rival, objective.name, n_undefined=sum(own_undefined))
    return Comparison(
        rival=rival,
        overall=replace(effect(rows, seed, rival, n_undefined=sum(undefined)), n_pairs=len(every)),
        scenarios={
            name: effect([row], seed, rival, "scenario", name, n_undefined=count)
            for name, row, count in zip(scenarios, rows, undefined, strict=True)
        },
        variances={
            name: 0.0 if again else _variance(row) for name, row, again in zip(scenarios, rows, repeated, strict=True)
        },
        objectives=by_objective,
        wins=int((every > 0.0).sum()),
        losses=int((every < 0.0).sum()),
        champion_failures=sum(record.error is not None for row in ours for record in row),
        rival_failures=sum(record.error is not None for row in theirs for record in row),
    )


def is_repeated(records: Sequence[Record]) -> bool:
    """Whether all seeds gave the same: a recorded log has the same requests each time, which counts as one run."""
    return len(records) > 1 and all(record == records[0] for record in records)


def strongest(comparisons: Sequence[Comparison]) -> Comparison:
    """The one whose rival the champion beats by least."""
    return by_strength(comparisons)[0]


def by_strength(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """Those whose rivals the champion beats by least first."""
    return sorted(comparisons, key=lambda one: one.overall.gain_percent)


def _variance(row: Float64Vector) -> float:
    return float(row.var(ddof=1)) / len(row) if len(row) > 1 else math.inf


def _rows(
    ours: Sequence[Sequence[Record]], theirs: Sequence[Sequence[Record]], objectives: Sequence[Objective]
) -> tuple[list[np.ndarray], list[int]]:
    pairs = [gains(own, other, objectives) for own, other in zip(ours, theirs, strict=True)]
    return [row for row, _ in pairs], [count for _, count in pairs]
