"""How many evaluations a second, and a CPU second: candidates in the training scenarios of a suite at full length."""

import os
import time

from evolve.evaluators.opening import open_evaluator
from evolve.trials.workloads import Workloads
from experiments.scale.candidates import default_suite, tasks_of

_REPEATS = 3


def measure_rate(evaluator: str, suite: str, candidates: int) -> None:
    """Print the best of several."""
    workloads = Workloads(default_suite(suite))
    tasks = tasks_of(workloads, candidates, n_seeds=2)
    pool = open_evaluator("evaluator", evaluator, workloads)
    pool.evaluate(tasks[: len(tasks) // 8], lambda count: None)
    rates, costs_ms, walls_ms = [], [], []
    for _ in range(_REPEATS):
        began_s, before_s = time.perf_counter(), _cpu_s()
        records = pool.evaluate(tasks, lambda count: None)
        rates.append(len(tasks) / (time.perf_counter() - began_s))
        costs_ms.append((_cpu_s() - before_s) / len(tasks) * 1e3)
        walls_ms.append(sum(record.wall_ms for record in records) / len(records))
    pool.close()
    print(
        f"{evaluator}, suite {suite}, {pool.n_workers} workers: {max(rates):.0f} evaluations/s; this process "
        f"{min(costs_ms):.2f} CPU ms each, {min(walls_ms):.2f} ms of a worker's clock; {len(tasks)} evaluations"
    )


def _cpu_s() -> float:
    own = os.times()
    return own.user + own.system
