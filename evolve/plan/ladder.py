"""Successive halving: all candidates of a generation run short, the better ones longer (Jamieson and Talwalkar 2016).

On each rung candidates are compared with each other and with baselines of the same number of requests and the same
seeds. Only who climbs to the last rung has a score that counts; the others rank below, by the rung that they reached
and their score there.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, NamedTuple, TypeAlias

from blis.foundation.checks import check_int, check_keys, check_number
from blis.foundation.errors import ConfigError
from evolve.judging.fitness import Judgement
from evolve.records import Cost, Phenotype, Score
from evolve.selection.individual import Individual
from evolve.selection.ranking import best_first
from evolve.trials.suite import SuiteScenario

KEYS = ("num_requests", "seeds", "keep")


@dataclass(frozen=True, slots=True)
class Rung:
    """How closely candidates are looked at."""

    num_requests: int | None  #: of each scenario; None: as many as the suite says
    seeds: int  #: how many of the role's seeds, the first ones
    keep: float  #: share of candidates that climb on; 1 on the last rung


class Climb(NamedTuple):
    """How far a candidate came."""

    judgements: tuple[Judgement, ...]  #: one for each rung that it reached
    score: Score  #: the last one's


#: (phenotypes, rung) -> their judgements, in the same order.
Judging: TypeAlias = Callable[[Sequence[Phenotype], Rung], Sequence[Judgement]]


@dataclass(frozen=True, slots=True)
class Ladder:
    """Rungs, from short to long."""

    rungs: tuple[Rung, ...]

    @classmethod
    def from_list(cls, where: str, rungs: object) -> "Ladder":
        """Strict: unknown keys are errors.

        Raises
        ------
        ConfigError
            If there is no rung, or one is shorter than the one before, or keeps nothing.
        """
        if not isinstance(rungs, Sequence) or isinstance(rungs, str) or not rungs:
            raise ConfigError(
                f"{where} must be a list of rungs, such as [{{num_requests: 500, seeds: 1, keep: 0.5}}, {{seeds: 2}}]; "
                f"got {rungs!r}."
            )
        read = [_rung(f"{where}[{place}]", rung, place == len(rungs) - 1) for place, rung in enumerate(rungs)]
        for place, (lower, upper) in enumerate(pairwise(read), 1):
            if upper.seeds < lower.seeds or (upper.num_requests or math.inf) < (lower.num_requests or math.inf):
                raise ConfigError(
                    f"{where}[{place}] must have no fewer requests and seeds than the rung below it; got "
                    f"num_requests {upper.num_requests} and seeds {upper.seeds} after {lower.num_requests} and "
                    f"{lower.seeds}."
                )
        return cls(tuple(read))

    @property
    def top(self) -> Rung:
        """The last rung."""
        return self.rungs[-1]

    def climbers(self, count: int) -> list[int]:
        """How many of `count` candidates are judged on each rung."""
        judged = [count]
        for rung in self.rungs[:-1]:
            judged.append(math.ceil(rung.keep * judged[-1]))
        return judged

    def cost(self, count: int, scenarios: Sequence[SuiteScenario]) -> Cost:
        """What judging `count` candidates in these scenarios costs at most."""
        evaluations = requests = 0
        for rung, judged in zip(self.rungs, self.climbers(count), strict=True):
            evaluations += judged * rung.seeds * len(scenarios)
            requests += judged * rung.seeds * sum(one.requests_at(rung.num_requests) for one in scenarios)
        return Cost(evaluations, requests)

    def cost_at_top(self, count: int, scenarios: Sequence[SuiteScenario]) -> Cost:
        """What judging `count` candidates on the last rung alone costs at most."""
        runs, top = count * self.top.seeds, self.top
        return Cost(runs * len(scenarios), runs * sum(one.requests_at(top.num_requests) for one in scenarios))

    def climb(self, phenotypes: Sequence[Phenotype], judge: Judging) -> list[Climb]:
        """Judge the candidates, on each rung the best of the one below.

        Parameters
        ----------
        phenotypes : sequence of Phenotype
            Each behaviour once.
        judge : callable
            Judges phenotypes on a rung.

        Returns
        -------
        list of Climb
            In the order of the phenotypes.
        """
        reached: list[list[Judgement]] = [[] for _ in phenotypes]
        climbing = list(range(len(phenotypes)))
        for rung, count in zip(self.rungs, self.climbers(len(phenotypes)), strict=True):
            climbing = sorted(_best(climbing, reached, count))
            judgements = judge([phenotypes[candidate] for candidate in climbing], rung)
            for candidate, judgement in zip(climbing, judgements, strict=True):
                reached[candidate].append(judgement)
        return [
            Climb(tuple(judgements), replace(judgements[-1].score, rungs_short=len(self.rungs) - len(judgements)))
            for judgements in reached
        ]


def _best(candidates: list[int], reached: Sequence[Sequence[Judgement]], count: int) -> list[int]:
    """The best `count` of the candidates by their last judgements."""
    if len(candidates) <= count:
        return candidates
    ranked = best_first(
        [Individual({}, reached[candidate][-1].score, str(candidate)) for candidate in candidates], count
    )
    return [int(individual.digest) for individual in ranked]


def _rung(where: str, rung: object, is_last: bool) -> Rung:
    required = ("seeds",) if is_last else ("seeds", "keep")
    given: Mapping[str, Any] = check_keys(where, rung, KEYS, required)
    num_requests = given.get("num_requests")
    keep = check_number(f"{where}.keep", given.get("keep", 1.0), maximum=1, above=0)
    if is_last and keep != 1.0:
        raise ConfigError(
            f"{where}.keep must be absent or 1 on the last rung, where nobody is left behind; got {keep}."
        )
    return Rung(
        None if num_requests is None else check_int(f"{where}.num_requests", num_requests, 1),
        check_int(f"{where}.seeds", given["seeds"], 1),
        keep,
    )
