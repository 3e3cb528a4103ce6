"""Does policy matter in a scenario? Bad policies must lose a lot, and sensible ones must differ by more than chance.

A scenario in which everybody does equally well cannot tell candidates apart: a search would follow its noise. So
policies of several kinds run it on the same seeds, and are compared with the best of the sensible ones there by the
weighted geometric mean of the objectives.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import mean, stdev
from typing import Any

from blis.foundation.answers import choices
from blis.foundation.checks import check_keys, check_number
from blis.foundation.randomness import stream
from evolve.judging.baselines import read_policies
from evolve.judging.scoring import Results, Rules, best_baseline, runs_of
from evolve.records import Phenotype, Record

BASELINE, SENSIBLE, SIGNAL, RANDOM, PATHOLOGICAL = "baseline", "sensible", "signal", "random", "pathological"
#: Those that an operator might choose, and that are therefore compared with each other.
CHOSEN = (BASELINE, SENSIBLE)


@dataclass(frozen=True, slots=True)
class Contender:
    """A policy that runs."""

    name: str
    kind: str
    phenotype: Phenotype


@dataclass(frozen=True, slots=True)
class Fare:
    """How a contender fares in a scenario."""

    name: str
    kind: str
    values: tuple[float, ...]  #: for each seed, times better than the best of the chosen ones; empty: it failed
    ratios: Mapping[str, float]  #: objective -> the same of that objective alone
    error: str | None = None

    @property
    def value(self) -> float:
        """Geometric mean over the seeds; 0 after a failure."""
        return math.exp(mean(map(math.log, self.values))) if self.values else 0.0


@dataclass(frozen=True, slots=True)
class Criterion:
    """When a scenario is worth its simulations."""

    sabotage: float  #: in (0, 1): the worst pathological policy must be worth at most this
    spread: float  #: > 0: the best of the chosen ones must be better than the worst by at least this share
    noise: float  #: ≥ 0: and their difference must exceed so many of its standard errors over the seeds

    @classmethod
    def from_mapping(cls, where: str, mapping: object) -> "Criterion":
        """Strict: unknown and absent keys are errors."""
        keys = ("sabotage", "spread", "noise")
        given = check_keys(where, mapping, keys, keys)
        return cls(
            check_number(f"{where}.sabotage", given["sabotage"], maximum=0.99, above=0),
            check_number(f"{where}.spread", given["spread"], above=0),
            check_number(f"{where}.noise", given["noise"], 0),
        )


@dataclass(frozen=True, slots=True)
class Headroom:
    """What policy can do in a scenario."""

    scenario: str
    fares: tuple[Fare, ...]
    sabotage: float  #: value of the worst pathological policy
    spread: float  #: by how much the best of the chosen ones is better than the worst, as a share
    #: of the spread, from the differences seed by seed; None: a log, say, is replayed alike whatever the seed
    standard_error: float | None
    reasons: tuple[str, ...]  #: why nothing matters here; empty: policy does

    def to_mapping(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "scenario": self.scenario,
            "policy_matters": not self.reasons,
            "reasons": list(self.reasons),
            "sabotage": self.sabotage,
            "spread": self.spread,
            "standard_error": self.standard_error,
            "policies": [
                {"name": fare.name, "kind": fare.kind, "value": fare.value, "by_seed": list(fare.values)}
                | {"by_objective": dict(fare.ratios), "error": fare.error}
                for fare in self.fares
            ],
        }

    def of_kind(self, *kinds: str) -> list[Fare]:
        """The fares of some kinds, the best first."""
        return sorted((fare for fare in self.fares if fare.kind in kinds), key=lambda fare: -fare.value)


def contenders(
    baselines: Mapping[str, Phenotype], sensible: object, pathological: object, n_random: int, seed: int
) -> list[Contender]:
    """Everybody who runs.

    Parameters
    ----------
    baselines : mapping of str to Phenotype
    sensible : mapping or None
        Name -> policies, see `read_policies`.
    pathological : mapping
        The same; at least one.
    n_random : int
        Weight vectors over all scorers, drawn uniformly from the simplex.
    seed : int
        Of these draws.
    """
    found = [Contender(name, BASELINE, phenotype) for name, phenotype in baselines.items()]
    if sensible:
        found += [Contender(name, SENSIBLE, one) for name, one in read_policies(SENSIBLE, sensible).items()]
    found += [Contender(name, PATHOLOGICAL, one) for name, one in read_policies(PATHOLOGICAL, pathological).items()]
    scorers = choices("scoring")
    signals = {name: _weighted({name: 1.0}) for name in scorers}
    found += [Contender(name, SIGNAL, one) for name, one in read_policies(SIGNAL, signals).items()]
    if n_random:
        drawn = stream(seed, "audit", "weights").dirichlet([1.0] * len(scorers), n_random)
        weights = {
            f"random-{place}": _weighted(dict(zip(scorers, map(float, row), strict=True)))
            for place, row in enumerate(drawn)
        }
        found += [Contender(name, RANDOM, one) for name, one in read_policies(RANDOM, weights).items()]
    return found


def headroom(
    scenario: str,
    rules: Rules,
    criterion: Criterion,
    contenders: Sequence[Contender],
    records: Sequence[Sequence[Record]],
) -> Headroom:
    """Compare the contenders in a scenario.

    Parameters
    ----------
    scenario : str
    rules : Rules
        With one value.
    criterion : Criterion
    contenders : sequence of Contender
    records : sequence of sequences of Record
        For each contender one record per seed.
    """
    (group,) = rules.goals.groups
    results = [Results(one.name, tuple(own)) for one, own in zip(contenders, records, strict=True)]
    chosen = [own for one, own in zip(contenders, results, strict=True) if one.kind in CHOSEN]
    best = best_baseline(rules, group, scenario, chosen)
    fitness = replace(rules.fitness(group), constraints=(), penalty=0.0)
    fares = []
    for one, own in zip(contenders, results, strict=True):
        error = next((record.error for record in own.records if record.error is not None), None)
        if error is not None:
            fares.append(Fare(one.name, one.kind, (), {}, error))
            continue
        runs = runs_of(scenario, group, own, best)
        values = tuple(fitness.worth([run]).value for run in runs)
        fares.append(Fare(one.name, one.kind, values, fitness.worth(runs).by_objective))
    return _judged(scenario, criterion, tuple(fares))


def _judged(scenario: str, criterion: Criterion, fares: tuple[Fare, ...]) -> Headroom:
    sabotage = min(fare.value for fare in fares if fare.kind == PATHOLOGICAL)
    chosen = sorted((fare for fare in fares if fare.kind in CHOSEN and fare.values), key=lambda fare: fare.value)
    differences = [math.log(high / low) for high, low in zip(chosen[-1].values, chosen[0].values, strict=True)]
    spread = math.expm1(mean(differences))
    error = stdev(differences) / math.sqrt(len(differences)) if len(set(differences)) > 1 else None
    reasons = []
    if sabotage > criterion.sabotage:
        reasons.append(f"the worst pathological policy is worth {sabotage:.2f}, more than {criterion.sabotage:g}")
    if spread < criterion.spread:
        reasons.append(f"sensible policies differ by {spread:.1%}, less than {criterion.spread:.1%}")
    elif error is not None and mean(differences) <= criterion.noise * error:
        reasons.append(
            f"sensible policies differ by {spread:.1%}, no more than {criterion.noise:g} standard errors of {error:.1%}"
        )
    return Headroom(scenario, fares, sabotage, spread, error, tuple(reasons))


def _weighted(weights: Mapping[str, float]) -> dict[str, Any]:
    scorers = [{"name": name, "weight": weight} for name, weight in weights.items()]
    return {"routing": {"policy": "weighted", "scorers": scorers}}
