"""What a worker of a Ray cluster does: simulate a chunk of tasks of one workload; see `ray_pool`.

A worker keeps the workloads that it has met, and what was prepared for them.
"""

import json
import os
import queue
import threading
from collections.abc import Sequence
from typing import Any

from evolve.evaluators.warming import warm
from evolve.records import Phenotype, Record, Task
from evolve.trials.evaluation import evaluate, failure, timeout_error
from evolve.trials.keeping import Kept
from evolve.trials.preparations import MOST_PHENOTYPES, Preparations
from evolve.trials.workloads import (
    MOST_KEPT,
    Prepared,
    key_of,
    prepare,
    program_version,
    requests_from_arrays,
)

#: How much longer than its timeout a simulation that does not look at the clock may take, before its worker ends [s].
GRACE_S = 1.0

#: Of a worker: workloads by digest, phenotypes by their texts, and what was prepared for them.
_known: Kept[Prepared] = Kept(MOST_KEPT)
_phenotypes: Kept[Phenotype] = Kept(MOST_PHENOTYPES)
_preparations = Preparations()


def run_chunk(version: str, digest: str, sent: list[Any], texts: Sequence[str], timeout_s: float) -> list[Record]:
    """Run tasks of one workload in a worker; called by Ray.

    Parameters
    ----------
    version : str
        Of the program that the driver runs.
    digest : str
        Of the workload.
    sent : list of one reference
        To the workload, for a worker that does not know it.
    texts : sequence of str
        The tasks, each a `task_text`.
    timeout_s : float
        Wall clock that one of them may take [s].

    Returns
    -------
    list of Record
        Of all tasks, or of those up to the first that had to be given up; the worker ends soon after then.

    Raises
    ------
    RuntimeError
        If this is another version of the program: records must not depend on the place where they were made.
    """
    if program_version() != version:
        raise RuntimeError(
            "its sources differ from those that the search started with; install the same on all nodes, and do not "
            "change them during a search."
        )
    warm()
    prepared = _workload(digest, sent)
    tasks = [_task(text) for text in texts]
    results: queue.SimpleQueue[Record] = queue.SimpleQueue()

    def work() -> None:
        for task in tasks:
            results.put(evaluate(task, prepared, timeout_s))

    threading.Thread(target=work, daemon=True).start()
    records: list[Record] = []
    for task in tasks:
        try:
            records.append(results.get(timeout=timeout_s + GRACE_S))
        except queue.Empty:
            records.append(failure(task, timeout_error(timeout_s)))
            # The thread cannot be stopped, so the process has to go, once the records are on their way.
            threading.Timer(GRACE_S, os._exit, [1]).start()
            break
    return records


def task_text(task: Task) -> str:
    """A task as it travels: phenotypes of equal text are bound once in a worker."""
    phenotype, key = task.phenotype, key_of(task)
    of_phenotype = json.dumps([phenotype.policies, phenotype.limits, phenotype.allows_python], default=dict)
    return json.dumps([key.scenario, key.seed, key.num_requests, task.digest, task.needs_trace, of_phenotype])


def _workload(digest: str, sent: list[Any]) -> Prepared:
    def make() -> Prepared:
        import ray

        mapping, arrays = ray.get(sent[0])
        return prepare(json.loads(mapping), requests_from_arrays(arrays), _preparations)

    return _known.get(digest, make)


def _task(text: str) -> Task:
    scenario, seed, num_requests, digest, needs_trace, of_phenotype = json.loads(text)
    phenotype = _phenotypes.get(of_phenotype, lambda: Phenotype(*json.loads(of_phenotype)))
    return Task(phenotype, scenario, seed, num_requests, digest, needs_trace)
