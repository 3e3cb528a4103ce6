"""A search whose evaluations take no time: what is left is the driver, up to as many evaluations as are wanted.

The evaluator simulates each workload once, and answers every other task with the figures of that run, each changed a
little by the task's digest: records as large as real ones, and as many different ones as there are candidates.
"""

import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from evolve.records import Record, Task
from evolve.trials.evaluation import evaluate
from evolve.trials.workloads import WorkloadKey, Workloads, key_of

#: How many lines of growth are printed.
_LINES = 10
_MB = 1 << 20


class Pool:
    """Answers at once.

    Parameters
    ----------
    workloads : Workloads
    """

    n_workers = 1

    def __init__(self, workloads: Workloads) -> None:
        self._workloads = workloads
        self._known: dict[WorkloadKey, Record] = {}
        self.spent_s = 0.0  #: CPU of answering, which is none of the driver's
        self.n_evaluations = 0

    def evaluate(self, tasks: Sequence[Task], done: Callable[[int], None]) -> list[Record]:
        """See `Evaluator`."""
        began_s = time.process_time()
        records = [self._record(task) for task in tasks]
        self.n_evaluations += len(tasks)
        self.spent_s += time.process_time() - began_s
        done(len(tasks))
        return records

    def circumstances(self) -> dict[str, float]:
        """See `Evaluator`."""
        return {}

    def close(self) -> None:
        """Nothing is held."""

    def _record(self, task: Task) -> Record:
        key = key_of(task)
        if task.needs_trace:
            return evaluate(task, self._workloads.prepared(key))
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = evaluate(task, self._workloads.prepared(key))
        factor = 0.95 + 0.1 * int(task.digest[:8], 16) / 2**32
        figures = {name: value and value * factor for name, value in known.figures.items()}
        return Record(figures, known.simulated_requests, known.error, known.wall_ms)


def measure_driver(evaluations: int, algorithm: str) -> None:
    """Search with the default suite, and print how the driver's cost grows with the evaluations."""
    import evolve.run
    from evolve.search import loop, setup

    pools: list[Pool] = []

    def open_pool(where: str, choice: object, workloads: Workloads) -> Pool:
        pools.append(Pool(workloads))
        return pools[-1]

    setup.open_evaluator = open_pool  # type: ignore[assignment]
    generation = loop.Search._generation
    lines = _Lines(evaluations, pools)

    def watched(search: loop.Search) -> None:
        began_s, answering_s = time.process_time(), pools[-1].spent_s
        generation(search)
        lines.add(search, time.process_time() - began_s - (pools[-1].spent_s - answering_s))

    loop.Search._generation = watched  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        words = [f"algorithm={algorithm}", "tracker=none", "report=false", f"hydra.run.dir={run}"]
        budget = ["budget.generations=null", f"budget.evaluations={evaluations}"]
        status = evolve.run.main([*words, *budget])
        if status == 0:
            lines.end(run)


class _Lines:
    """Prints a line now and then."""

    def __init__(self, evaluations: int, pools: list[Pool]) -> None:
        self._every, self._pools = evaluations // _LINES, pools
        self._spent_s = self._part_s = 0.0
        self._n = self._told = 0
        self._ended_s = 0.0
        print("evaluations  driver ms/evaluation  memory MB  checkpoint: parts MB, state kB", flush=True)

    def add(self, search: Any, spent_s: float) -> None:
        """A generation is over."""
        self._part_s += spent_s
        self._spent_s += spent_s
        n = search.ledger.spending.evaluations
        self._ended_s = time.process_time()
        if n - self._told < self._every:
            return
        folder = search.plan.folder / "checkpoint"
        parts = sum(path.stat().st_size for path in folder.glob("*.jsonl"))
        state = (folder / "state.json").stat().st_size
        cost_ms = self._part_s / (n - self._told) * 1e3
        print(f"{n:11,}  {cost_ms:20.3f}  {_memory_mb():9.0f}  {parts / _MB:20.1f}, {state / 1e3:.0f}", flush=True)
        self._told, self._part_s = n, 0.0

    def end(self, folder: Path) -> None:
        """The search is over."""
        import resource

        after_s = time.process_time() - self._ended_s
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        history_mb = (folder / "history.parquet").stat().st_size / _MB
        print(
            f"after the last generation {after_s:.1f} CPU s; peak memory {peak_mb:.0f} MB; history {history_mb:.1f} MB"
        )


def _memory_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / _MB
