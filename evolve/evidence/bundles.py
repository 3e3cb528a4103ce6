"""Which of several policy bundles is better? Every pair on the same requests, as far as it takes to be sure."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from blis.foundation.checks import check_int
from blis.foundation.errors import ConfigError
from blis.foundation.files import check_path
from blis.foundation.strict_yaml import read_yaml
from blis.foundation.words import shown
from blis.policies.bundle import read_bundle
from evolve.comparing import Effect
from evolve.comparing.comparison import Comparison, is_repeated
from evolve.comparing.objectives import read_objectives
from evolve.comparing.sequential import Precision, compare_until, own_seeds
from evolve.comparing.verdict import outlook, readings
from evolve.evidence import Condition
from evolve.evidence.laboratory import Laboratory
from evolve.evidence.text import table
from evolve.judging.baselines import read_policies
from evolve.judging.goals import DEFAULT_OBJECTIVES, Goals
from evolve.records import Phenotype
from evolve.trials.suite import Suite, SuiteScenario, check_role, read_suite


@dataclass(frozen=True, slots=True)
class Question:
    """What is compared, where, and how sure it has to be."""

    policies: Mapping[str, Phenotype]  #: at least two, by name
    scenarios: tuple[SuiteScenario, ...]
    goals: Goals
    precision: Precision
    seed: int

    @classmethod
    def from_mapping(cls, given: Mapping[str, Any]) -> "Question":
        """The question among the values of `conf/evolve_compare.yaml`.

        Raises
        ------
        ConfigError
            If a value is wrong, a bundle cannot be read, or two of them decide alike.
        """
        suite = given["suite"]
        if given["suite_file"] is not None:
            suite = read_yaml(check_path("suite", given["suite_file"]))
        goals = Goals.from_config(
            "objectives", DEFAULT_OBJECTIVES if given["objectives"] is None else given["objectives"]
        )
        if "complexity" in goals.objectives:
            raise ConfigError("objectives must be figures of runs; got complexity, which is none.")
        return cls(
            policies=_read(given["policies"]),
            scenarios=_scenarios(read_suite(suite, given["scenario"]["names"])[0], given["roles"]),
            goals=goals,
            precision=Precision.checked(given["half_width"], given["first_seeds"], given["most_runs"]),
            seed=check_int("seed", given["seed"], 0),
        )

    @property
    def digest(self) -> str:
        """Content address of what is compared and where: its seeds are its own."""
        policies = [[one.policies, one.limits] for one in self.policies.values()]
        scenarios = [[one.name, one.mapping(one.num_requests)] for one in self.scenarios]
        text = json.dumps([policies, scenarios], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Pair:
    """One policy against another."""

    a: str
    b: str
    comparison: Comparison  #: of a against b
    reading: str  #: of a: better, worse or unclear, corrected for the number of pairs

    @property
    def verdict(self) -> str:
        """What the intervals allow to say."""
        if self.comparison.is_equal:
            return f"{self.a} and {self.b} are equal in every run"
        if self.reading == "unclear":
            alone = "" if self.comparison.overall.reading == "unclear" else ", as one of several pairs"
            return f"neither of {self.a} and {self.b} is shown to be better{alone}"
        first, second = (self.a, self.b) if self.reading == "better" else (self.b, self.a)
        return f"{first} is better than {second}"

    def plain(self, effect: Effect) -> dict[str, Any]:
        """An effect of the pair as JSON holds it; gains are shares: 0.05 is 5 %."""
        bounds = {"gain": effect.gain_percent, "low": effect.low_percent, "high": effect.high_percent}
        shares = {name: None if value in (float("inf"),) else value / 100 for name, value in bounds.items()}
        return {"a": self.a, "b": self.b, **shares, "runs": effect.n_pairs}


@dataclass(frozen=True, slots=True)
class Found:
    """What came of a question."""

    question: Question
    pairs: tuple[Pair, ...]
    notes: tuple[str, ...]

    def plain(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        return {
            "pairs": [one.plain(one.comparison.overall) | {"verdict": one.verdict} for one in self.pairs],
            "by_scenario": {
                scenario.name: [one.plain(one.comparison.scenarios[scenario.name]) for one in self.pairs]
                for scenario in self.question.scenarios
            },
            "objectives": {one.name: one.weight for one in read_objectives(self.question.goals)},
            "half_width": self.question.precision.half_width,
            "notes": list(self.notes),
        }

    def text(self) -> str:
        """What people read."""
        lines = []
        for one in self.pairs:
            noisiest, share = one.comparison.noisiest
            held = (
                f"; {noisiest} holds {share:.0%} of the variance"
                if share > 0.0 and len(self.question.scenarios) > 1
                else ""
            )
            overall = one.comparison.overall
            lines.append(f"{one.verdict}: {overall} for {one.a}, by {overall.n_pairs} paired runs{held}.")
            expected = outlook([one.comparison])
            lines += [expected, ""] if expected and not one.comparison.is_equal else [""]
        rows = [
            (scenario.name, *(str(one.comparison.scenarios[scenario.name]) for one in self.pairs))
            for scenario in self.question.scenarios
        ]
        lines += table(("scenario", *(f"gain of {one.a} over {one.b}" for one in self.pairs)), rows)
        lines += ["", *(f"note: {note}" for note in self.notes)]
        return "\n".join(lines).rstrip() + "\n"


def compare_bundles(
    question: Question, evaluator: Mapping[str, Any] | str, done: Callable[[int], None] = lambda count: None
) -> Found:
    """Compare every pair of policies.

    Parameters
    ----------
    question : Question
    evaluator : mapping or str
        Where simulations run, see `evolve.evaluators.opening`.
    done : callable
        Told how many more simulations are finished.

    Raises
    ------
    ConfigError
        If the evaluator cannot be opened, or a scenario cannot be built.
    """
    names = [one.name for one in question.scenarios]
    objectives, seed_at = read_objectives(question.goals), own_seeds(question.digest)
    laboratory = Laboratory(question.scenarios, [], evaluator, done, question.goals.needs_trace)
    try:
        compared = {
            (a, b): compare_until(
                question.policies[a], {b: question.policies[b]}, names, objectives, laboratory.measure_cells, seed_at,
                question.precision, question.seed,
            )[0]
            for a, b in combinations(question.policies, 2)
        }  # fmt: skip
        first = next(iter(question.policies.values()))
        seeds = [seed_at(place) for place in range(question.precision.first_seeds)]
        (runs,) = laboratory.measure([first], [Condition(name) for name in names], seeds)
    finally:
        laboratory.close()
    read = readings(list(compared.values()))
    pairs = tuple(Pair(a, b, one, said) for ((a, b), one), said in zip(compared.items(), read, strict=True))
    notes = [
        f"{name}: every seed gives the same requests (a recorded log); it counts as one run, its interval has no width."
        for name, records in zip(names, runs, strict=True)
        if is_repeated(records)
    ]
    undefined = sum(one.overall.n_undefined for one in compared.values())
    if undefined:
        notes.append(f"{undefined} ratios did not exist or were out of range; the largest, 100, stands for them.")
    failures = sum(one.champion_failures + one.rival_failures for one in compared.values())
    if failures:
        notes.append(f"{failures} runs FAILED, and count as lost.")
    return Found(question, pairs, tuple(notes))


def _read(paths: object) -> dict[str, Phenotype]:
    if not isinstance(paths, Sequence) or isinstance(paths, str) or len(paths) < 2:
        raise ConfigError(f"policies must be at least two policy bundles; got {shown(paths)}.")
    bundles = {name: read_bundle(path) for name, path in zip(_names([str(path) for path in paths]), paths, strict=True)}
    policies = read_policies(
        "policies", {name: {**one.policies, "cluster": dict(one.limits) or None} for name, one in bundles.items()}
    )
    for (a, one), (b, other) in combinations(policies.items(), 2):
        if one == other:
            raise ConfigError(f"policies: {a} and {b} must differ; both have the same policies and parameters.")
    return policies


def _names(paths: Sequence[str]) -> list[str]:
    """Names by which people tell the files apart: without folders where that suffices."""
    stems = [Path(path).stem for path in paths]
    if len(set(stems)) == len(stems):
        return stems
    if len(set(paths)) < len(paths):
        raise ConfigError(f"policies must be different files; got {', '.join(paths)}.")
    return list(paths)


def _scenarios(suite: Suite, roles: object) -> tuple[SuiteScenario, ...]:
    if not isinstance(roles, Sequence) or isinstance(roles, str) or not roles:
        raise ConfigError(f"roles must be a list of at least one of a suite's roles; got {shown(roles)}.")
    chosen = dict.fromkeys(check_role(f"roles[{place}]", role) for place, role in enumerate(roles))
    return tuple(one for role in chosen for one in suite.scenarios[role])
