"""Does the champion's lead hold at other loads, with older signals, and where steps cost something else?"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evolve.comparing import Effect, Objective
from evolve.comparing.gains import gains
from evolve.comparing.intervals import effect
from evolve.evidence import Condition, Measure, Policies
from evolve.records import Phenotype
from evolve.trials.suite import SuiteScenario

#: Arrival rates as factors of the saturation rate: from ease to overload.
LOADS = (0.7, 0.8, 0.9, 1.0, 1.1, 1.2)
#: Ages that reported signals may reach [µs]: live, a fast scrape, and what monitoring usually has.
REFRESHES_US = (0.0, 10_000.0, 50_000.0, 100_000.0, 500_000.0)


@dataclass(frozen=True, slots=True)
class Sweep:
    """The champion's gain over each rival at each value of something."""

    values: tuple[Any, ...]  #: numbers, or names
    gains: Mapping[str, tuple[Effect, ...]]  #: rival -> an effect for each value


def questions(
    scenarios: Sequence[SuiteScenario],
) -> Mapping[str, tuple[Sequence[Any], Callable[[str, Any], Condition]]]:
    """What is swept over: by name, the values, and the condition of a scenario at one of them."""
    return {
        "loads": (LOADS, at_load),
        "staleness": (REFRESHES_US, at_refresh),
        "prices": (known_physics(scenarios), at_physics),
    }


def examine(
    champion: Phenotype,
    rivals: Policies,
    values: Sequence[Any],
    condition: Callable[[str, Any], Condition],
    scenarios: Sequence[str],
    seeds: Sequence[int],
    objectives: Sequence[Objective],
    measure: Measure,
    seed: int,
) -> Sweep:
    """Compare under `condition(scenario, value)` for each value."""
    conditions = [condition(name, value) for value in values for name in scenarios]
    records = measure([champion, *rivals.values()], conditions, seeds)
    found: dict[str, tuple[Effect, ...]] = {}
    for rival, theirs in zip(rivals, records[1:], strict=True):
        effects = []
        for place, value in enumerate(values):
            own = slice(place * len(scenarios), (place + 1) * len(scenarios))
            rows = [gains(one, other, objectives) for one, other in zip(records[0][own], theirs[own], strict=True)]
            undefined = sum(count for _, count in rows)
            names = ("sweep", rival, str(value))
            effects.append(effect([row for row, _ in rows], seed, *names, n_undefined=undefined))
        found[rival] = tuple(effects)
    return Sweep(tuple(values), found)


def at_load(scenario: str, value: float) -> Condition:
    """The scenario at a load."""
    return Condition(scenario, load=value)


def at_refresh(scenario: str, value: float) -> Condition:
    """The scenario with signals that may be so old [µs]."""
    return Condition(scenario, snapshot_refresh_us=int(value))


def at_physics(scenario: str, value: str) -> Condition:
    """The scenario with steps that cost what another kind of latency model says, at the load that it has."""
    return Condition(scenario, physics=value)


def known_physics(scenarios: Sequence[SuiteScenario]) -> list[str]:
    """The kinds of latency models under which the rate of each scenario is known, those that are searched with first.

    A scenario without a rate can be met under any of them.
    """
    rated = [one.file.saturation_rates for one in scenarios if one.file.load is not None]
    own = dict.fromkeys(one.physics or one.file.physics for one in scenarios)
    return [
        kind
        for kind in (*own, *sorted({kind for rates in rated for kind in rates} - set(own)))
        if all(kind in rates for rates in rated)
    ]
