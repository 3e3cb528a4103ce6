"""Threads of this process: the kernel releases the interpreter's lock, so they run in parallel and start at once."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed

from evolve.evaluators import by_workload
from evolve.records import Record, Task
from evolve.trials.evaluation import TIMEOUT_S, evaluate
from evolve.trials.workloads import Workloads, key_of


class Pool:
    """A pool of threads.

    Parameters
    ----------
    workloads : Workloads
        What tasks name.
    n_workers : int ≥ 1, optional
        None: one for each core.
    timeout_s : float > 0
        Wall clock that one simulation may take [s].
    """

    def __init__(self, workloads: Workloads, n_workers: int | None = None, timeout_s: float = TIMEOUT_S) -> None:
        self.n_workers = n_workers or os.cpu_count() or 1
        self._workloads = workloads
        self._timeout_s = timeout_s
        self._threads = ThreadPoolExecutor(self.n_workers, thread_name_prefix="evaluate")

    def evaluate(self, tasks: Sequence[Task], done: Callable[[int], None]) -> list[Record]:
        """See `Evaluator`."""
        futures: dict[int, Future[Record]] = {}
        try:
            for places in by_workload(tasks).values():
                for place in places:
                    futures[place] = self._threads.submit(self._run, tasks[place])
            for _ in as_completed(futures.values()):
                done(1)
        finally:  # an interrupt must not wait for what has not begun
            for future in futures.values():
                future.cancel()
        return [futures[place].result() for place in range(len(tasks))]

    def close(self) -> None:
        """Let the threads end."""
        self._threads.shutdown(cancel_futures=True)

    def _run(self, task: Task) -> Record:
        return evaluate(task, self._workloads.prepared(key_of(task)), self._timeout_s)
