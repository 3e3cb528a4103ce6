"""Evaluations of candidates as a search asks for them, by each evaluator, relative to one core."""

import tempfile
import time
from collections.abc import Callable
from functools import partial
from itertools import cycle
from pathlib import Path

from blis.prepare import prepared_run
from blis.simulate import Simulation
from evolve.evaluators.opening import open_evaluator
from evolve.records import Phenotype, Record, Task
from evolve.trials.evaluation import evaluate
from evolve.trials.stages import stage_of
from evolve.trials.suite import Suite
from evolve.trials.workloads import WorkloadKey, Workloads, key_of, task_digest
from experiments.bench import Measurement, median_wall_s, peak_rss_mb

REQUESTS = 2_000
CANDIDATES = 100
SEEDS = (1, 2)
EVALUATORS = ("serial", "threads", "ray")

#: The headline run's cluster and lengths, with measured prices; a load of 1 is its rate of 40 requests/s.
SCENARIO = """
tension: none; what is measured is the machine
saturation_rate: 40
load: 1.0
num_requests: 2000
cluster: {instances: 4, model: meta-llama/llama-3.1-8b-instruct, hardware: H100, tensor_parallel: 2}
workload: {kind: distribution, prefix_groups: 8, prefix_tokens: 512}
"""


def measure() -> Measurement:
    """Evaluations per second; the ratio is the lowest parallel efficiency, the speed-up over the number of workers."""
    workloads = _workloads()
    tasks = _tasks(workloads)
    rates, efficiencies = {}, {}
    for name in EVALUATORS:
        pool = open_evaluator("evaluator", name, workloads)
        rates[name] = len(tasks) / median_wall_s(partial(pool.evaluate, tasks, _nobody), repeats=3)
        efficiencies[name] = rates[name] / rates["serial"] / pool.n_workers
        pool.close()
    evaluation_s, engine_s = _one_evaluation(workloads, tasks[:: len(SEEDS)])
    note = "; ".join(f"{name} {rates[name]:.0f}/s ({efficiencies[name]:.2f})" for name in EVALUATORS)
    best = max(rates.values())
    return Measurement(
        "evolve",
        1.0 / best,
        best * REQUESTS,
        peak_rss_mb(),
        "ratio ≥ 0.85",
        min(efficiencies.values()),
        f"evaluations of {REQUESTS} requests by {note}; {1 - engine_s / evaluation_s:.0%} of one is not the engine",
        {"evaluation": evaluation_s, "engine": engine_s},
    )


def evaluations() -> Callable[[], None]:
    """Evaluates one candidate after the other on one workload, again and again: one of them for each call."""
    workloads = _workloads()
    tasks = _tasks(workloads)[:: len(SEEDS)]
    prepared, candidates = workloads.prepared(key_of(tasks[0])), cycle(tasks)
    return lambda: _check(evaluate(next(candidates), prepared))


def _check(record: Record) -> None:
    if record.error is not None:
        raise RuntimeError(record.error)


def _one_evaluation(workloads: Workloads, tasks: list[Task]) -> tuple[float, float]:
    """Shortest time of an evaluation and of its engine, taken in turn, in the mean of tasks of one workload.

    The engine runs on a stage that is prepared: what comes before and after its one call is not of it.
    """
    prepared = workloads.prepared(key_of(tasks[0]))
    stage = stage_of(prepared, {}, False)
    times_s = []
    for _ in range(10):
        whole_s = engine_s = 0.0
        for task in tasks:
            start_s = time.perf_counter()
            evaluate(task, prepared)
            whole_s += time.perf_counter() - start_s
            policies = prepared.preparations.policies(task.phenotype)
            simulation = Simulation.on(stage, prepared_run(stage.cluster, policies))
            start_s = time.perf_counter()
            simulation.run()
            engine_s += time.perf_counter() - start_s
            simulation.leave()
        times_s.append((whole_s / len(tasks), engine_s / len(tasks)))
    evaluations_s, engines_s = zip(*times_s, strict=True)
    return min(evaluations_s), min(engines_s)


def _workloads() -> Workloads:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.yaml"
        path.write_text(SCENARIO)
        return Workloads(_suite(str(path)))


def _suite(path: str) -> Suite:
    return Suite.from_mapping(
        "suite",
        {
            "train": {"scenarios": [path], "seeds": list(SEEDS)},
            "validation": {"scenarios": [{"name": path, "load": 0.9}], "seeds": [3]},
            "test": {"scenarios": [{"name": path, "load": 1.1}], "seeds": [4]},
        },
    )


def _tasks(workloads: Workloads) -> list[Task]:
    """Weighted routers of different weights, each on both seeds."""
    tasks = []
    for weight in range(1, CANDIDATES + 1):
        scorers = {"prefix-affinity": weight / 10, "queue-depth": 2, "kv-utilization": 2}
        phenotype = Phenotype({"routing": {"policy": "weighted", "scorers": scorers}})
        for seed in SEEDS:
            key = WorkloadKey("bench", seed, REQUESTS)
            digest = task_digest(phenotype.policies, {}, workloads.digest(key))
            tasks.append(Task(phenotype, key.scenario, key.seed, key.num_requests, digest))
    return tasks


def _nobody(count: int) -> None:
    return None
