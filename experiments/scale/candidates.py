"""Candidates of the default problem, drawn at random, and their tasks in the training scenarios of a suite."""

from pathlib import Path

import yaml

from blis.foundation.randomness import stream
from evolve.records import Phenotype, Task
from evolve.trials.suite import Suite
from evolve.trials.workloads import WorkloadKey, Workloads, task_digest

_ROOT = Path(__file__).resolve().parents[2]
#: What a candidate has beside its router: as `conf/problem/routing_weights.yaml` freezes it.
_FROZEN = {
    "admission": {"policy": "always-admit"},
    "priority": {"policy": "constant"},
    "scheduling": {"policy": "fcfs"},
    "preemption": {"policy": "newest"},
}


def default_suite(name: str) -> Suite:
    """A shipped suite."""
    return Suite.from_mapping("suite", yaml.safe_load((_ROOT / "conf" / "suite" / f"{name}.yaml").read_text()))


def tasks_of(workloads: Workloads, n_candidates: int, n_seeds: int) -> list[Task]:
    """So many weighted routers, each in all training scenarios with so many seeds."""
    problem = yaml.safe_load((_ROOT / "conf" / "problem" / "routing_weights.yaml").read_text())
    scorers = problem["genes"]["routing"]["scorers"]
    draws = stream(1, "candidates")
    suite = workloads.suite
    tasks = []
    for _ in range(n_candidates):
        weights = {
            name: int(weight) for name, weight in zip(scorers, draws.integers(1, 300, len(scorers)), strict=True)
        }
        phenotype = Phenotype({**_FROZEN, "routing": {"policy": "weighted", "scorers": weights}})
        for scenario in suite.scenarios["train"]:
            for seed in suite.seeds["train"][:n_seeds]:
                key = WorkloadKey(scenario.name, seed, scenario.requests_at(None))
                digest = task_digest(phenotype.policies, {}, workloads.digest(key))
                tasks.append(Task(phenotype, key.scenario, key.seed, key.num_requests, digest))
    return tasks
