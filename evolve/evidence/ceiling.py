"""How much of what was to be had does the champion have? It and a look-ahead, beside the best baselines."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from blis.foundation.units import Float64Vector
from evolve.ceiling.lookahead import Looking
from evolve.ceiling.measuring import Reached, reach
from evolve.comparing import Effect, Objective
from evolve.comparing.comparison import Comparison
from evolve.comparing.gains import gains
from evolve.comparing.intervals import effect
from evolve.comparing.shares import Share, share_of
from evolve.evidence import Policies
from evolve.records import Phenotype, Record, Task
from evolve.trials.evaluation import evaluate
from evolve.trials.families import own_seed
from evolve.trials.suite import ROLES, Suite, SuiteScenario
from evolve.trials.workloads import Prepared, WorkloadKey, Workloads

#: Places of the seeds that the ceiling is measured with begin here, so that it shares none with the comparisons, by
#: which the best baselines are chosen.
FIRST_SEED_PLACE = 1_000_000


#: What the champion is called beside baselines.
CHAMPION = "the champion"


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is looked at."""

    n_seeds: int = 6  #: ≥ 2, runs of each scenario
    num_requests: int = 500  #: ≥ 1, of each run, at most
    looking: Looking = field(default_factory=Looking)


@dataclass(frozen=True, slots=True)
class Room:
    """What is to be had over the best baseline, in a scenario or in all."""

    best: str  #: the baseline that is best there
    built_on: str  #: what is looked ahead with: that baseline, or the champion where it is better
    champion: Effect  #: gain of the champion over it
    lookahead: Effect  #: of the honest look-ahead
    hindsight: Effect
    share: Share | None  #: part of the look-ahead's gain that the champion has; None: the look-ahead finds nothing

    @property
    def closed(self) -> str:
        """The share in words."""
        if self.share is not None:
            return str(self.share)
        return "only the champion finds any" if self.champion.reading == "better" else "no head-room found"


@dataclass(frozen=True, slots=True)
class Ceiling:
    """What was found."""

    overall: Room
    scenarios: Mapping[str, Room]  #: members of a family are one, called by its name, where there are several of them
    left_out: Sequence[str]  #: scenarios that are the same for every seed, so that nobody can imagine other futures
    #: scenario -> share of the requests that wait for another's end: the look-ahead knows them once that one has come
    foreknown: Mapping[str, float]
    extent: Extent

    @property
    def sentence(self) -> str:
        """What came of it."""
        room = self.overall
        gap = f"the honest look-ahead gains {room.lookahead} over the best baseline of each scenario"
        if room.share is None:
            return (
                f"No head-room is found by looking ahead: {gap}, which is no more than noise; the champion gains "
                f"{room.champion}."
            )
        return (
            f"The champion closes {room.share} of the gap that is to be had: {gap}, the champion {room.champion}, and "
            f"hindsight {room.hindsight}."
        )


def examine(
    champion: Phenotype,
    baselines: Policies,
    comparisons: Sequence[Comparison],
    scenarios: Sequence[SuiteScenario],
    objectives: Sequence[Objective],
    seed_at: Callable[[int], int],
    extent: Extent,
    seed: int,
    done: Callable[[int], None] = lambda count: None,
) -> Ceiling | None:
    """Look ahead with the best baseline of each scenario, or the champion where it is better, and compare.

    Parameters
    ----------
    champion : Phenotype
    baselines : mapping of str to Phenotype
    comparisons : sequence of Comparison
        Of the champion with each of them: they tell which is best where.
    scenarios : sequence of SuiteScenario
    objectives : sequence of Objective
        What counts.
    seed_at : callable
        The n-th seed of a scenario, from 0.
    extent : Extent
    seed : int
        Of the intervals' resampling.
    done : callable
        Told how many more workloads are finished.

    Returns
    -------
    Ceiling or None
        None if every scenario is the same for every seed.
    """
    everywhere = {role: tuple(scenarios) if role == ROLES[-1] else () for role in ROLES}
    workloads = Workloads(Suite(everywhere, dict.fromkeys(ROLES, ())))
    weights = {one.name: one.weight for one in objectives}
    rows: dict[str, _Rows] = {}
    left_out, foreknown = [], {}
    for scenario in scenarios:
        best = best_of(baselines, comparisons, scenario.name)
        base = _better(champion, baselines, best, comparisons, scenario.name)
        found: list[tuple[Record, Record, Reached]] = []
        for place in range(extent.n_seeds):
            seed_there = own_seed(scenario, seed_at(FIRST_SEED_PLACE + place))
            key = WorkloadKey(scenario.name, seed_there, scenario.requests_at(extent.num_requests))
            prepared = workloads.prepared(key)
            reached = reach(prepared, base, extent.looking, weights, key.seed)
            if reached.honest is None:
                break
            one, other = (_record_of(policy, key, prepared) for policy in (champion, baselines[best]))
            found.append((one, other, reached))
            foreknown[scenario.name] = float((prepared.requests.after >= 0).mean())
            done(1)
        if len(found) < extent.n_seeds:
            left_out.append(scenario.name)
        else:
            rows[scenario.name] = _rows(best, CHAMPION if base is champion else best, found, objectives)
    if not rows:
        return None
    grouped = _by_family(rows, scenarios)
    return Ceiling(
        overall=_room(list(grouped.values()), seed, "all"),
        scenarios={name: _room([own], seed, name) for name, own in grouped.items()},
        left_out=left_out,
        foreknown={name: share for name, share in foreknown.items() if share > 0.0},
        extent=extent,
    )


def best_of(baselines: Policies, comparisons: Sequence[Comparison], scenario: str) -> str:
    """The baseline that the champion beats by least in a scenario."""
    own = [one for one in comparisons if one.rival in baselines]
    return min(own, key=lambda one: one.scenarios[scenario].gain_percent).rival


def _better(
    champion: Phenotype, baselines: Policies, best: str, comparisons: Sequence[Comparison], scenario: str
) -> Phenotype:
    """The champion where it is better than the best baseline, else that baseline."""
    gain = next(one.scenarios[scenario].gain_percent for one in comparisons if one.rival == best)
    return champion if gain > 0.0 else baselines[best]


@dataclass(frozen=True, slots=True)
class _Rows:
    """Log gains over the best baseline, run by run."""

    best: str
    built_on: str
    champion: Float64Vector
    lookahead: Float64Vector
    hindsight: Float64Vector


def _rows(
    best: str, built_on: str, found: Sequence[tuple[Record, Record, Reached]], objectives: Sequence[Objective]
) -> _Rows:
    ours, theirs, reached = zip(*found, strict=True)
    honest = [one.honest for one in reached if one.honest is not None]
    return _Rows(
        best,
        built_on,
        gains(ours, theirs, objectives)[0],
        gains(honest, theirs, objectives)[0],
        gains([one.clairvoyant for one in reached], theirs, objectives)[0],
    )


def _by_family(rows: Mapping[str, _Rows], scenarios: Sequence[SuiteScenario]) -> dict[str, _Rows]:
    """The runs of a family's members as draws of one scenario, where there are several members."""
    groups: dict[str, list[str]] = {}
    for one in scenarios:
        if one.name in rows:
            groups.setdefault(one.name if one.family is None else f"family {one.family}", []).append(one.name)
    found = {}
    for group, names in groups.items():
        own = [rows[name] for name in names]
        found[names[0] if len(own) == 1 else group.removeprefix("family ")] = _Rows(
            _common([one.best for one in own]),
            _common([one.built_on for one in own]),
            np.concatenate([one.champion for one in own]),
            np.concatenate([one.lookahead for one in own]),
            np.concatenate([one.hindsight for one in own]),
        )
    return found


def _common(names: Sequence[str]) -> str:
    return names[0] if len(set(names)) == 1 else "the best of each member"


def _room(rows: Sequence[_Rows], seed: int, name: str) -> Room:
    alone = rows[0] if len(rows) == 1 else None
    return Room(
        best=alone.best if alone else "the best of each scenario",
        built_on=alone.built_on if alone else "the better of both",
        champion=effect([one.champion for one in rows], seed, "ceiling", name, "champion"),
        lookahead=effect([one.lookahead for one in rows], seed, "ceiling", name, "lookahead"),
        hindsight=effect([one.hindsight for one in rows], seed, "ceiling", name, "hindsight"),
        share=share_of([one.champion for one in rows], [one.lookahead for one in rows], seed, name),
    )


def _record_of(phenotype: Phenotype, key: WorkloadKey, prepared: Prepared) -> Record:
    return evaluate(Task(phenotype, key.scenario, key.seed, key.num_requests, ""), prepared)
