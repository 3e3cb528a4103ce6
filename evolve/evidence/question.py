"""Which policies are to be compared, where, and how sure one has to be."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from blis.foundation.checks import check_int
from blis.foundation.errors import ConfigError
from blis.foundation.files import check_path
from blis.foundation.strict_yaml import read_yaml
from blis.foundation.words import shown
from evolve.comparing.sequential import Precision
from evolve.judging.baselines import bundle_policies
from evolve.judging.goals import Goals
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
        goals = Goals.from_config("objectives", given["objectives"])
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


def _read(paths: object) -> dict[str, Phenotype]:
    if not isinstance(paths, Sequence) or isinstance(paths, str) or len(paths) < 2:
        raise ConfigError(f"policies must be at least two policy bundles; got {shown(paths)}.")
    names = _names([str(path) for path in paths])
    policies = {name: bundle_policies("policies", path) for name, path in zip(names, paths, strict=True)}
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
