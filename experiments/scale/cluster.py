"""CPU seconds of the processes of a Ray cluster on this machine, for an evaluation and for a chunk of them.

The same tasks go out in chunks of two sizes; what each process spends is then a cost for each chunk and one for each
evaluation. Workers do both in one process, so the evaluations' own cost is told apart by what they say they took.
"""

import json
import os
import pickle
import time
from collections.abc import Sequence
from pathlib import Path

from evolve.evaluators import by_workload, ray_pool
from evolve.evaluators.ray_worker import task_text
from evolve.records import Record, Task
from evolve.trials.workloads import WorkloadKey, Workloads, key_of, requests_as_arrays
from experiments.scale.candidates import default_suite, tasks_of

#: Evaluations in a chunk.
SIZES = (5, 40)
#: Processes by a word on their command lines; the first that fits counts.
_KINDS = (
    ("raylet", "raylet/raylet"),
    ("gcs", "gcs_server"),
    ("agents", "Agent"),
    ("worker", "ray::"),
    ("other", "site-packages/ray/"),
)


def measure_cluster(evaluations: int) -> None:
    """Print what a chunk and an evaluation cost in each process, and how many bytes travel."""
    workloads = Workloads(default_suite("default"))
    n_candidates = max(1, evaluations // 14)
    tasks = tasks_of(workloads, n_candidates, n_seeds=2)
    pool = ray_pool.Pool(workloads)
    pool.evaluate(tasks[: 14 * 8], _nobody)  # workers load kernels and workloads
    spent = {}
    for size in SIZES:
        spent[size], records = _spent(pool, tasks, size)
        rate = len(tasks) / spent[size].pop("wall")
        print(f"chunks of {size}: {rate:.0f}/s with {pool.n_workers} workers", flush=True)
    pool.close()
    small, large = SIZES
    print("process   ms/evaluation   ms/chunk")
    for kind in spent[small]:
        per_small, per_large = (spent[size][kind] / len(tasks) * 1e3 for size in SIZES)
        per_chunk = (per_small - per_large) / (1 / small - 1 / large)
        print(f"{kind:9} {per_large - per_chunk / large:13.3f}   {per_chunk:8.2f}")
    _print_bytes(workloads, tasks, records)


def _spent(pool: ray_pool.Pool, tasks: Sequence[Task], size: int) -> tuple[dict[str, float], list[Record]]:
    """CPU seconds by kind of process, what the simulations took, and the wall clock."""

    def chunks(wanted: Sequence[Task]) -> list[ray_pool._Chunk]:
        return [
            ray_pool._Chunk(key, tuple(places[at : at + size]))
            for key, places in by_workload(wanted).items()
            for at in range(0, len(places), size)
        ]

    pool._chunks = chunks  # type: ignore[method-assign]
    before, began_s = _cpu_s(), time.perf_counter()
    records = pool.evaluate(tasks, _nobody)
    wall_s, after = time.perf_counter() - began_s, _cpu_s()
    spent = {kind: after[kind] - before.get(kind, 0.0) for kind in after}
    return {**spent, "wall": wall_s}, records


def _cpu_s() -> dict[str, float]:
    """CPU seconds so far of this process, and of Ray's processes below it, by kind."""
    own = os.times()
    found = {"driver": own.user + own.system}
    below = {os.getpid()}
    ticks = os.sysconf("SC_CLK_TCK")
    processes = sorted(int(path.name) for path in Path("/proc").glob("[0-9]*"))
    for process_id in processes:  # parents have lower numbers, but for a wrap
        try:
            text = Path(f"/proc/{process_id}/stat").read_text()
            line = Path(f"/proc/{process_id}/cmdline").read_text().replace("\0", " ")
        except OSError:
            continue
        fields = text.rpartition(")")[2].split()
        if int(fields[1]) not in below:
            continue
        below.add(process_id)
        kind = next((kind for kind, word in _KINDS if word in line), "other")
        found[kind] = found.get(kind, 0.0) + (int(fields[11]) + int(fields[12])) / ticks
    return found


def _print_bytes(workloads: Workloads, tasks: Sequence[Task], records: Sequence[Record]) -> None:
    size = SIZES[-1]
    sent = len(pickle.dumps([task_text(task) for task in tasks[:size]])) / size
    back = len(pickle.dumps(records[:size])) / size
    keys: dict[WorkloadKey, None] = dict.fromkeys(key_of(task) for task in tasks)
    of_workload = [
        len(pickle.dumps((json.dumps(workloads.mapping(key)), requests_as_arrays(workloads.prepared(key).requests))))
        for key in keys
    ]
    print(
        f"bytes: {sent:,.0f} to a worker and {back:,.0f} back for each evaluation; a workload once to each worker, "
        f"{sum(of_workload) / len(of_workload) / 1e3:,.0f} kB on average, {max(of_workload) / 1e3:,.0f} kB at most"
    )


def _nobody(count: int) -> None:
    return None
