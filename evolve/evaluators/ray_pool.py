"""The workers of a Ray cluster, see `ray_cluster`.

Work goes out as tasks of several simulations of one workload, at least `CHUNK_MS` together, because a task's round
trip costs milliseconds. Simulations are pure, so a task whose worker died is simply run again. A worker keeps the
workloads that it has met.
"""

import json
import math
import os
import queue
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from blis.foundation.errors import ConfigError
from evolve.evaluators import by_workload
from evolve.evaluators.ray_cluster import started_ray
from evolve.evaluators.warming import warm
from evolve.records import Phenotype, Record, Task
from evolve.trials.evaluation import TIMEOUT_S, evaluate, failure, timeout_error
from evolve.trials.keeping import Kept
from evolve.trials.preparations import MOST_PHENOTYPES, Preparations
from evolve.trials.workloads import (
    MOST_KEPT,
    Prepared,
    WorkloadKey,
    Workloads,
    key_of,
    prepare,
    program_version,
    requests_as_arrays,
    requests_from_arrays,
)

#: What a chunk of work should take [ms], and what it should take at the least: each costs a worker about one.
CHUNK_MS, LEAST_CHUNK_MS = 120.0, 20.0
#: What a simulation is thought to take before one was seen [ms].
FIRST_GUESS_MS = 6.0
#: How often a chunk is run again after its worker died, and how often a task alone, once its chunk was given up.
CHUNK_RETRIES, TASK_RETRIES = 1, 3
#: Chunks that wait at each worker, so that none is idle during a round trip.
CHUNKS_PER_WORKER = 2
#: How much longer than its timeout a simulation that does not look at the clock may take, before its worker ends [s].
GRACE_S = 1.0


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Tasks of one workload that travel together."""

    key: WorkloadKey
    places: tuple[int, ...]  #: among the tasks


class Pool:
    """Workers of a Ray cluster, which stays up for the next pool of this process.

    Parameters
    ----------
    workloads : Workloads
        What tasks name.
    n_workers : int ≥ 1, optional
        Simulations that run at a time. None: as many as the cluster has cores.
    address : str, optional
        Of a cluster that runs; its nodes must have this program installed. None: a cluster of this machine.
    timeout_s : float > 0
        Wall clock that one simulation may take [s].

    Raises
    ------
    ConfigError
        If Ray is not installed, does not start, or there is no cluster at the address.
    """

    def __init__(
        self,
        workloads: Workloads,
        n_workers: int | None = None,
        address: str | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        warm()  # compiled once here, instead of at the same time in each worker
        self._ray = started_ray(n_workers, address)
        self.n_workers = n_workers or max(1, int(self._ray.cluster_resources().get("CPU", 1)))
        self._workloads = workloads
        self._timeout_s = timeout_s
        self._sent: dict[WorkloadKey, Any] = {}
        self._mean_ms: dict[WorkloadKey, float] = {}
        self._remote = self._ray.remote(num_cpus=1)(run_chunk)

    def evaluate(self, tasks: Sequence[Task], done: Callable[[int], None]) -> list[Record]:
        """See `Evaluator`."""
        records: dict[int, Record] = {}
        waiting = deque(self._chunks(tasks))
        running: dict[Any, _Chunk] = {}
        try:
            while waiting or running:
                while waiting and len(running) < CHUNKS_PER_WORKER * self.n_workers:
                    chunk = waiting.popleft()
                    running[self._submit(chunk, tasks)] = chunk
                ready, _ = self._ray.wait(list(running), num_returns=1)
                for reference in ready:
                    chunk = running.pop(reference)
                    found = self._result(reference, chunk, tasks)
                    records |= found
                    left = [place for place in chunk.places if place not in found]
                    waiting.extendleft(_Chunk(chunk.key, (place,)) for place in reversed(left))
                    done(len(found))
        finally:
            for reference in running:  # after an interrupt
                self._ray.cancel(reference)
        return [records[place] for place in range(len(tasks))]

    def close(self) -> None:
        """Free the workloads in Ray's memory; the cluster itself ends with the process."""
        self._sent.clear()

    def _chunks(self, tasks: Sequence[Task]) -> list[_Chunk]:
        """The tasks in chunks of about `CHUNK_MS`, ever smaller ones at the end, so that all workers end together."""
        chunks, left = [], len(tasks)
        for key, places in by_workload(tasks).items():
            mean_ms = self._mean_ms.get(key, FIRST_GUESS_MS)
            most, least = (math.ceil(chunk_ms / mean_ms) for chunk_ms in (CHUNK_MS, LEAST_CHUNK_MS))
            at = 0
            while at < len(places):
                size = max(least, min(most, left // (2 * self.n_workers)))
                chunks.append(_Chunk(key, tuple(places[at : at + size])))
                left -= len(chunks[-1].places)
                at += size
        return chunks

    def _submit(self, chunk: _Chunk, tasks: Sequence[Task]) -> Any:
        prepared = self._workloads.prepared(chunk.key)
        reference = self._sent.get(chunk.key)
        if reference is None:
            mapping = json.dumps(self._workloads.mapping(chunk.key))
            reference = self._ray.put((mapping, requests_as_arrays(prepared.requests)))
            self._sent[chunk.key] = reference
            if len(self._sent) > MOST_KEPT:  # families bring new ones in every generation; those under way stay anyway
                del self._sent[next(iter(self._sent))]
        texts = [_task_text(tasks[place]) for place in chunk.places]
        remote = self._remote.options(max_retries=CHUNK_RETRIES if len(texts) > 1 else TASK_RETRIES)
        # In a list, so that Ray does not fetch the workload for a worker that has it.
        return remote.remote(program_version(), prepared.digest, [reference], texts, self._timeout_s)

    def _result(self, reference: Any, chunk: _Chunk, tasks: Sequence[Task]) -> dict[int, Record]:
        """Records by place; a place that is left out is to be tried again, alone."""
        try:
            found: list[Record] = self._ray.get(reference)
        except self._ray.exceptions.RayTaskError as error:
            raise ConfigError(f"evaluator: a worker of Ray cannot run this program: {error.cause}") from error
        except self._ray.exceptions.RayError as error:
            if len(chunk.places) > 1:
                return {}
            place = chunk.places[0]
            return {place: failure(tasks[place], f"worker died: {type(error).__name__}")}
        walls_ms = [record.wall_ms for record in found if record.error is None]
        if walls_ms:
            before_ms = self._mean_ms.get(chunk.key, median(walls_ms))
            self._mean_ms[chunk.key] = 0.7 * before_ms + 0.3 * median(walls_ms)
        return dict(zip(chunk.places, found, strict=False))


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
        The tasks, see `_task_text`.
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


def _workload(digest: str, sent: list[Any]) -> Prepared:
    def make() -> Prepared:
        import ray

        mapping, arrays = ray.get(sent[0])
        return prepare(json.loads(mapping), requests_from_arrays(arrays), _preparations)

    return _known.get(digest, make)


def _task_text(task: Task) -> str:
    phenotype, key = task.phenotype, key_of(task)
    of_phenotype = json.dumps([phenotype.policies, phenotype.limits, phenotype.allows_python], default=dict)
    return json.dumps([key.scenario, key.seed, key.num_requests, task.digest, task.needs_trace, of_phenotype])


def _task(text: str) -> Task:
    scenario, seed, num_requests, digest, needs_trace, of_phenotype = json.loads(text)
    phenotype = _phenotypes.get(of_phenotype, lambda: Phenotype(*json.loads(of_phenotype)))
    return Task(phenotype, scenario, seed, num_requests, digest, needs_trace)
