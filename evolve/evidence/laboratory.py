"""Where evidence is measured: scenarios under every condition that is asked for, and the evaluator that runs them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from blis.policies.bundle import with_limits
from blis.result import simulate
from blis.scenario import Scenario
from evolve.comparing.sequential import Cell
from evolve.evaluators import Evaluator
from evolve.evaluators.opening import open_evaluator
from evolve.evidence import Condition
from evolve.judging.fitness import Judge
from evolve.judging.scoring import Rules
from evolve.records import Phenotype, Record, Task
from evolve.trials.families import own_seed
from evolve.trials.preparations import runnable
from evolve.trials.suite import ROLES, Suite, SuiteScenario
from evolve.trials.workloads import WorkloadKey, Workloads, task_digest

#: Workloads that are used at a time, so that none is built twice.
_CHUNK = 32


class Laboratory:
    """Measures policies on scenarios, each simulation once.

    Parameters
    ----------
    scenarios : sequence of SuiteScenario
        On which policies are compared.
    conditions : sequence of Condition
        All that will be asked for.
    evaluator : mapping or str
        Where simulations run, see `evolve.evaluators.opening`.
    done : callable
        Told how many more simulations are finished.
    needs_trace : bool
        Whether an objective is read off traced decisions.

    Raises
    ------
    ConfigError
        If the evaluator cannot be opened.
    """

    def __init__(
        self,
        scenarios: Sequence[SuiteScenario],
        conditions: Sequence[Condition],
        evaluator: Mapping[str, Any] | str,
        done: Callable[[int], None] = lambda count: None,
        needs_trace: bool = False,
    ) -> None:
        self._held_out = tuple(scenarios)
        by_name = {one.name: one for one in scenarios}
        distinct = dict.fromkeys([*(Condition(name) for name in by_name), *conditions])
        changed = tuple(under(by_name[condition.scenario], condition) for condition in distinct)
        everywhere = {role: changed if role == ROLES[-1] else () for role in ROLES}
        self._workloads = Workloads(Suite(everywhere, dict.fromkeys(ROLES, ())))
        self._names = {condition: one.name for condition, one in zip(distinct, changed, strict=True)}
        self._evaluator: Evaluator = open_evaluator("evaluator", evaluator, self._workloads)
        self._done = done
        self._needs_trace = needs_trace
        self._store: dict[str, Record] = {}

    def measure(
        self, phenotypes: Sequence[Phenotype], conditions: Sequence[Condition], seeds: Sequence[int]
    ) -> list[list[list[Record]]]:
        """See `evolve.evidence.Measure`."""
        cells = [(condition, seed) for condition in conditions for seed in seeds]
        rows = [iter(row) for row in self._measured(phenotypes, cells)]
        return [[[next(row) for _ in seeds] for _ in conditions] for row in rows]

    def measure_cells(self, phenotypes: Sequence[Phenotype], cells: Sequence[Cell]) -> list[list[Record]]:
        """See `evolve.comparing.sequential.MeasureCells`; scenarios are as they are."""
        return self._measured(phenotypes, [(Condition(scenario), seed) for scenario, seed in cells])

    def _measured(self, phenotypes: Sequence[Phenotype], cells: Sequence[tuple[Condition, int]]) -> list[list[Record]]:
        found: dict[tuple[int, Condition, int], Record] = {}
        for first in range(0, len(cells), _CHUNK):
            chunk = cells[first : first + _CHUNK]
            tasks = {
                (place, condition, seed): self._task(phenotype, condition, seed)
                for condition, seed in chunk
                for place, phenotype in enumerate(phenotypes)
            }
            wanted = {task.digest: task for task in tasks.values() if task.digest not in self._store}
            self._store.update(zip(wanted, self._evaluator.evaluate(list(wanted.values()), self._done), strict=True))
            found |= {key: self._store[task.digest] for key, task in tasks.items()}
        return [[found[place, condition, seed] for condition, seed in cells] for place in range(len(phenotypes))]

    def class_figures(self, phenotype: Phenotype, scenario: str, seed: int) -> Mapping[str, Mapping[str, Any]]:
        """See `evolve.evidence.classes.ClassFigures`: the table `classes` of what `python -m blis.run` tells."""
        key = self._key(Condition(scenario), seed)
        mapping = {**self._workloads.mapping(key), "policies": runnable(phenotype)}
        mapping["cluster"] = with_limits(mapping["cluster"], phenotype.limits)
        result = simulate(Scenario.from_mapping(mapping), requests=self._workloads.prepared(key).requests)
        self._done(1)
        classes = result.metrics()["classes"]
        return {str(row["slo_class"]) or "unnamed": row for row in classes}

    def judge(self, rules: Rules, baselines: Mapping[str, Phenotype]) -> Judge:
        """A judge of the scenarios as they are, as role `test`, who knows what has been measured here."""
        scenarios = {role: self._held_out if role == ROLES[-1] else () for role in ROLES}
        suite = Suite(scenarios, dict.fromkeys(ROLES, ()))
        judge = Judge(Workloads(suite), rules, baselines, self._evaluator, self._store)
        judge.open_test()
        return judge

    def close(self) -> None:
        """Let go of the evaluator."""
        self._evaluator.close()

    def _key(self, condition: Condition, seed: int) -> WorkloadKey:
        name = self._names[condition]
        scenario = self._workloads.suite.scenario(name)
        return WorkloadKey(name, own_seed(scenario, seed), scenario.num_requests)

    def _task(self, phenotype: Phenotype, condition: Condition, seed: int) -> Task:
        key = self._key(condition, seed)
        prepared = self._workloads.prepared(key)
        digest = task_digest(phenotype.policies, phenotype.limits, prepared.digest, self._needs_trace)
        return Task(phenotype, key.scenario, key.seed, key.num_requests, digest, self._needs_trace)


def under(scenario: SuiteScenario, condition: Condition) -> SuiteScenario:
    """The scenario as a condition has it; its name tells how."""
    name, file, load = scenario.name, scenario.file, scenario.load
    if condition.load is not None:
        name, load = f"{name}, load {condition.load:g}", condition.load
    if condition.snapshot_refresh_us is not None:
        name = f"{name}, refresh {condition.snapshot_refresh_us}"
        file = replace(file, cluster={**file.cluster, "snapshot_refresh_us": condition.snapshot_refresh_us})
    physics = scenario.physics
    if condition.physics is not None:
        name, physics = f"{name}, {condition.physics}", condition.physics
    return replace(scenario, name=name, file=file, load=load, physics=physics)
