"""Measuring until it is sure enough: rounds of runs go where they narrow the interval most.

A policy is compared with its rivals on the same requests. After a first round of a few seeds in every scenario, each
further run goes to the scenario whose noise hides most: its variance over the runs that it has had (Neyman, "On the two
different aspects of the representative method", 1934, taken one run at a time). Rivals that are clearly behind are not
measured any further. It ends when the interval of everyone still in question is narrow enough, or the budget is spent.

To stop by the width of an interval, and not by where it lies, keeps it honest for many rounds (Chow and Robbins, "On
the asymptotic theory of fixed-width sequential confidence intervals", 1965).
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from blis.foundation.checks import check_int, check_number
from evolve.comparing import Effect, Objective
from evolve.comparing.comparison import Comparison, compare, is_repeated
from evolve.comparing.gains import gains
from evolve.comparing.intervals import effect
from evolve.records import Phenotype, Record

#: (scenario, seed): one run of each policy.
Cell: TypeAlias = tuple[str, int]
#: (phenotypes, cells) -> for each phenotype its record in each cell.
MeasureCells: TypeAlias = Callable[[Sequence[Phenotype], Sequence[Cell]], list[list[Record]]]

#: Seeds are drawn below this, so that other programs can hold them too.
_MOST_SEED = 2**53
#: A scenario's noise is taken for at least this share of the mean noise: a few runs may be alike by chance.
_LEAST_NOISE = 0.25


@dataclass(frozen=True, slots=True)
class Precision:
    """When a comparison is sure enough."""

    half_width: float = 0.03  #: of the 95 % interval of the gain, as a share: 0.03 is 3 %
    first_seeds: int = 6  #: runs of each scenario in the first round
    most_runs: int = 600  #: of the policy that is judged; a first round is made in any case

    @classmethod
    def checked(cls, half_width: object, first_seeds: object, most_runs: object) -> "Precision":
        """The precision that a configuration asks for.

        Raises
        ------
        ConfigError
            If a value is out of range.
        """
        return cls(
            half_width=check_number("half_width", half_width, maximum=1, above=0),
            first_seeds=check_int("first_seeds", first_seeds, 2, 10_000),
            most_runs=check_int("most_runs", most_runs, 1, 1_000_000),
        )


def own_seeds(name: str) -> Callable[[int], int]:
    """Seeds that nobody else uses: the n-th one (from 0) of a comparison, by the digest of what is compared."""

    def seed(place: int) -> int:
        return int.from_bytes(hashlib.sha256(f"{name} {place}".encode()).digest()[:8], "big") % _MOST_SEED

    return seed


def compare_until(
    policy: Phenotype,
    rivals: Mapping[str, Phenotype],
    scenarios: Sequence[str],
    objectives: Sequence[Objective],
    measure: MeasureCells,
    seed_at: Callable[[int], int],
    precision: Precision,
    seed: int,
) -> list[Comparison]:
    """Compare a policy with each of its rivals until the precision is reached.

    Parameters
    ----------
    policy, rivals
        Who is judged, and against whom; at least one.
    scenarios : sequence of str
    objectives : sequence of Objective
        What counts.
    measure : callable
        Simulates; each run is asked for once.
    seed_at : callable
        The n-th seed of a scenario, from 0.
    precision : Precision
    seed : int
        Of the intervals' resampling.

    Returns
    -------
    list of Comparison
        In the order of the rivals.
    """
    field = _Field(policy, rivals, scenarios, measure, seed_at)
    field.extend(list(rivals), dict.fromkeys(scenarios, precision.first_seeds))
    while (runs_left := precision.most_runs - field.runs) > 0:
        leads = {name: field.lead(name, objectives, seed) for name in rivals}
        in_question = _in_question(leads)
        if max(leads[name].half_width for name in in_question) <= precision.half_width:
            break
        noise = {name: field.noise(name, in_question, objectives) for name in scenarios}
        more = _allocated(noise, field.counts, min(runs_left, max(len(scenarios), field.runs // 3)))
        if not more:  # nothing varies: recorded logs
            break
        field.extend(in_question, {name: field.counts[name] + count for name, count in more.items()})
    return [field.compared(name, objectives, seed) for name in rivals]


class _Field:
    """Records of the policy and of its rivals: of each scenario those of its first seeds."""

    def __init__(
        self,
        policy: Phenotype,
        rivals: Mapping[str, Phenotype],
        scenarios: Sequence[str],
        measure: MeasureCells,
        seed_at: Callable[[int], int],
    ) -> None:
        self._phenotypes = [policy, *rivals.values()]
        self._place_of = {name: place for place, name in enumerate(rivals, 1)}
        self._scenarios = scenarios
        self._measure, self._seed_at = measure, seed_at
        self._records: list[dict[Cell, Record]] = [{} for _ in self._phenotypes]  #: by scenario and place of the seed
        self.counts = dict.fromkeys(scenarios, 0)  #: runs of the policy in each scenario

    @property
    def runs(self) -> int:
        """Runs of the policy."""
        return sum(self.counts.values())

    def extend(self, rivals: Sequence[str], counts: Mapping[str, int]) -> None:
        """Measure the policy and these rivals on so many seeds of these scenarios, and on what they have missed."""
        self.counts |= counts
        judged = [0, *(self._place_of[name] for name in rivals)]
        lacking: dict[tuple[int, ...], list[Cell]] = {}
        for name, count in self.counts.items():
            for place in range(count):
                who = tuple(one for one in judged if (name, place) not in self._records[one])
                if who:
                    lacking.setdefault(who, []).append((name, place))
        for who, cells in lacking.items():
            seeded = [(name, self._seed_at(place)) for name, place in cells]
            found = self._measure([self._phenotypes[one] for one in who], seeded)
            for one, records in zip(who, found, strict=True):
                self._records[one].update(zip(cells, records, strict=True))

    def _pairs(self, rival: str, scenario: str) -> tuple[list[Record], list[Record]]:
        """What both have had of a scenario."""
        ours, theirs = self._records[0], self._records[self._place_of[rival]]
        cells = [(scenario, place) for place in range(self.counts[scenario]) if (scenario, place) in theirs]
        return [ours[cell] for cell in cells], [theirs[cell] for cell in cells]

    def lead(self, rival: str, objectives: Sequence[Objective], seed: int) -> Effect:
        """The mean gain over a rival on the runs that both have had."""
        rows = [gains(*self._pairs(rival, name), objectives)[0] for name in self._scenarios]
        return effect(rows, seed, rival)

    def compared(self, rival: str, objectives: Sequence[Objective], seed: int) -> Comparison:
        """The policy against a rival on the runs that both have had."""
        ours, theirs = zip(*(self._pairs(rival, name) for name in self._scenarios), strict=True)
        return compare(rival, self._scenarios, ours, theirs, objectives, seed)

    def noise(self, scenario: str, rivals: Sequence[str], objectives: Sequence[Objective]) -> float:
        """Largest standard deviation of the gain over one of these rivals in a scenario; 0 in a recorded log."""
        found = 0.0
        for rival in rivals:
            ours, theirs = self._pairs(rival, scenario)
            if not (is_repeated(ours) and is_repeated(theirs)):
                found = max(found, float(gains(ours, theirs, objectives)[0].std(ddof=1)))
        return found


def _in_question(leads: Mapping[str, Effect]) -> list[str]:
    """Rivals that may be the strongest: their intervals reach below the end of the strongest one's."""
    end = min(lead.high_percent for lead in leads.values())
    return [name for name, lead in leads.items() if lead.low_percent <= end]


def _allocated(noise: Mapping[str, float], counts: Mapping[str, int], runs: int) -> dict[str, int]:
    """To which scenarios so many further runs go: each where it takes most variance from the mean."""
    varying = {name: own for name, own in noise.items() if own > 0.0}
    if not varying:
        return {}
    floor = _LEAST_NOISE * float(np.mean(list(varying.values())))
    more = dict.fromkeys(varying, 0)
    for _ in range(runs):
        had = {name: counts[name] + more[name] for name in more}
        gain = {name: max(own, floor) ** 2 / (had[name] * (had[name] + 1)) for name, own in varying.items()}
        more[max(gain, key=lambda name: gain[name])] += 1
    return {name: count for name, count in more.items() if count}
