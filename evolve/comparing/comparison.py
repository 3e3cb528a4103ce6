"""A champion and a rival on the same requests: overall, by scenario and by objective."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from evolve.comparing import Effect, Objective
from evolve.comparing.gains import gains
from evolve.comparing.intervals import effect
from evolve.records import Record


@dataclass(frozen=True, slots=True)
class Comparison:
    """The champion against one rival."""

    rival: str
    overall: Effect
    scenarios: Mapping[str, Effect]
    objectives: Mapping[str, Effect]
    wins: int  #: pairs of runs that the champion won; equal ones are neither won nor lost, repeated ones count once
    losses: int
    champion_failures: int  #: runs that failed
    rival_failures: int

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


def _rows(
    ours: Sequence[Sequence[Record]], theirs: Sequence[Sequence[Record]], objectives: Sequence[Objective]
) -> tuple[list[np.ndarray], list[int]]:
    pairs = [gains(own, other, objectives) for own, other in zip(ours, theirs, strict=True)]
    return [row for row, _ in pairs], [count for _, count in pairs]
