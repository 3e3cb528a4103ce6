"""How many evaluations a second one driver hands out and takes back, with more workers than this machine has cores.

Workers sleep for as long as simulations would take, and answer with a record that was made before. What they cost
beside, and what Ray's own processes cost, is still paid by this machine's cores: the rate is a lower bound.
"""

import os
import time
from collections.abc import Sequence
from typing import Any

from evolve.evaluators import ray_pool
from evolve.records import Record
from evolve.trials.evaluation import evaluate
from evolve.trials.workloads import Workloads, key_of
from experiments.scale.candidates import default_suite, tasks_of

#: How many evaluations of each worker are measured.
_EACH = 400


def measure_feed(workers: int, evaluation_ms: int) -> None:
    """Print the rate, and the driver's share of a core."""
    workloads = Workloads(default_suite("quick"))
    n_tasks = _EACH * workers
    tasks = tasks_of(workloads, n_tasks // 2, n_seeds=2)
    pool = ray_pool.Pool(workloads, workers)
    record = evaluate(tasks[0], workloads.prepared(key_of(tasks[0])))
    ray = pool._ray
    pool._remote = ray.remote(num_cpus=1, max_retries=0)(sleep_chunk)
    kept = ray.put(Record(record.figures, record.simulated_requests, None, float(evaluation_ms)))

    class Sleeping:
        """Stands for the function that workers run."""

        def remote(self, version: str, digest: str, sent: list[Any], texts: Sequence[str], timeout_s: float) -> Any:
            """Let a worker sleep for as many evaluations as there are texts."""
            return remote.remote([kept], texts, evaluation_ms)

    remote, pool._remote = pool._remote, Sleeping()
    pool.evaluate(tasks[: 40 * workers], lambda count: None)  # all workers start
    before_s, began_s = os.times(), time.perf_counter()
    pool.evaluate(tasks, lambda count: None)
    wall_s, after_s = time.perf_counter() - began_s, os.times()
    pool.close()
    spent_s = after_s.user + after_s.system - before_s.user - before_s.system
    ideal = workers * 1e3 / evaluation_ms
    print(
        f"{workers} workers of {evaluation_ms} ms: {len(tasks) / wall_s:.0f} evaluations/s of {ideal:.0f} at most; the "
        f"driver takes {spent_s / wall_s:.2f} of a core, {spent_s / len(tasks) * 1e3:.3f} ms for an evaluation"
    )


def sleep_chunk(kept: list[Any], texts: Sequence[str], evaluation_ms: float) -> list[Record]:
    """Sleep; called by Ray."""
    import ray

    record = ray.get(kept[0])
    time.sleep(evaluation_ms / 1e3 * len(texts))
    return [Record(dict(record.figures), record.simulated_requests, None, record.wall_ms) for _ in texts]
