"""Threads of this process: the kernel releases the interpreter's lock, so they run in parallel and start at once."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import TypeAlias

from evolve.evaluators import by_workload
from evolve.records import Record, Task
from evolve.trials.evaluation import TIMEOUT_S, evaluate
from evolve.trials.workloads import Workloads, key_of

#: How often a thread tells what it has done [s].
REPORT_S = 0.05

#: Records by place, or what went wrong.
_Report: TypeAlias = dict[int, Record] | BaseException


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
        waiting = [place for places in by_workload(tasks).values() for place in places]
        places = iter(waiting)  # which the threads share: each place comes to one of them
        reports: SimpleQueue[_Report] = SimpleQueue()
        records: dict[int, Record] = {}
        try:
            for _ in range(min(self.n_workers, len(tasks))):
                self._threads.submit(self._work, tasks, places, reports)
            while len(records) < len(tasks):
                found = reports.get()
                if isinstance(found, BaseException):
                    raise found
                records |= found
                done(len(found))
        finally:  # an interrupt must not wait for what has not begun
            waiting.clear()  # which ends the iterator
        return [records[place] for place in range(len(tasks))]

    def circumstances(self) -> dict[str, float]:
        """See `Evaluator`."""
        return {"workers": float(self.n_workers)}

    def close(self) -> None:
        """Let the threads end."""
        self._threads.shutdown(cancel_futures=True)

    def _work(self, tasks: Sequence[Task], places: Iterator[int], reports: SimpleQueue[_Report]) -> None:
        """Run one waiting task after the other, and report now and then: whoever hears it takes the lock from a run."""
        found: dict[int, Record] = {}
        try:
            reported_s = time.perf_counter()
            for place in places:
                task = tasks[place]
                found[place] = evaluate(task, self._workloads.prepared(key_of(task)), self._timeout_s)
                if time.perf_counter() - reported_s > REPORT_S:
                    reports.put(found)
                    found, reported_s = {}, time.perf_counter()
            reports.put(found)
        except BaseException as error:  # noqa: BLE001
            reports.put(error)
