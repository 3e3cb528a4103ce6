"""The workers of a Ray cluster, see `ray_cluster`.

Work goes out as tasks of several simulations of one workload, at least `CHUNK_MS` together, because a task's round
trip costs milliseconds. Simulations are pure, so a chunk whose worker or node died is simply run again, and counted.
Nodes may come and go: workers are counted anew about once a second.
"""

import json
import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

from blis.foundation.errors import ConfigError
from evolve.evaluators import by_workload
from evolve.evaluators.ray_cluster import started_ray
from evolve.evaluators.ray_watch import RECOUNT_S, Watch
from evolve.evaluators.ray_worker import run_chunk, task_text
from evolve.evaluators.warming import warm
from evolve.records import Record, Task
from evolve.trials.evaluation import TIMEOUT_S, failure
from evolve.trials.workloads import MOST_KEPT, WorkloadKey, Workloads, program_version, requests_as_arrays

#: What a chunk of work should take [ms], and what it should take at the least: each costs a worker about one.
CHUNK_MS, LEAST_CHUNK_MS = 120.0, 20.0
#: The same for each worker where there are many: a chunk costs the driver 1.5 ms, and it has to feed all of them [ms].
CHUNK_MS_PER_WORKER = 7.5
#: What a simulation is thought to take before one was seen [ms].
FIRST_GUESS_MS = 6.0
#: How often a chunk is run again after its worker died, and how often a task alone, once its chunk was given up.
CHUNK_RETRIES, TASK_RETRIES = 1, 3
#: Chunks that wait at each worker, so that none is idle during a round trip.
CHUNKS_PER_WORKER = 2


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Tasks of one workload that travel together."""

    key: WorkloadKey
    places: tuple[int, ...]  #: among the tasks
    losses: int = 0  #: how often a worker died that had them


class Pool:
    """Workers of a Ray cluster, which stays up for the next pool of this process.

    Parameters
    ----------
    workloads : Workloads
        What tasks name.
    n_workers : int ≥ 1, optional
        Simulations that run at a time. None: as many as the cluster has cores at the moment.
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
        self._watch = Watch(self._ray)
        self._most_workers = n_workers
        self.n_workers = n_workers or self._watch.n_cores
        self._workloads = workloads
        self._timeout_s = timeout_s
        self._sent: dict[WorkloadKey, Any] = {}
        self._mean_ms: dict[WorkloadKey, float] = {}
        # What is lost with a worker is sent again here, not by Ray, so that it is counted.
        self._remote = self._ray.remote(num_cpus=1, max_retries=0)(run_chunk)

    def evaluate(self, tasks: Sequence[Task], done: Callable[[int], None]) -> list[Record]:
        """See `Evaluator`."""
        records: dict[int, Record] = {}
        self._count_workers()
        waiting = deque(self._chunks(tasks))
        running: dict[Any, _Chunk] = {}
        try:
            while waiting or running:
                self._count_workers()
                while waiting and len(running) < CHUNKS_PER_WORKER * self.n_workers:
                    chunk = waiting.popleft()
                    running[self._submit(chunk, tasks)] = chunk
                for reference in self._finished(running):
                    chunk = running.pop(reference)
                    found, again = self._result(reference, chunk, tasks)
                    records |= found
                    waiting.extendleft(reversed(again))
                    done(len(found))
        finally:
            for reference in running:  # after an interrupt
                self._ray.cancel(reference)
        self._watch.tell()
        return [records[place] for place in range(len(tasks))]

    def circumstances(self) -> dict[str, float]:
        """See `Evaluator`."""
        return {"workers": float(self.n_workers), **self._watch.figures()}

    def close(self) -> None:
        """Free the workloads in Ray's memory; the cluster itself ends with the process."""
        self._sent.clear()
        self._watch.tell_all()

    def _count_workers(self) -> None:
        """Follow a cluster whose nodes come and go, unless the number of workers is given."""
        self._watch.look()
        self.n_workers = self._most_workers or self._watch.n_cores

    def _finished(self, running: Mapping[Any, _Chunk]) -> list[Any]:
        """The chunks that are done, all at once, as each look at many costs; none if it is time to count workers."""
        references = list(running)
        finished, _ = self._ray.wait(references, num_returns=1, timeout=RECOUNT_S)
        if finished:
            finished, _ = self._ray.wait(references, num_returns=len(references), timeout=0)
        return list(finished)

    def _chunks(self, tasks: Sequence[Task]) -> list[_Chunk]:
        """The tasks in chunks of about `CHUNK_MS`, ever smaller ones at the end, so that all workers end together."""
        chunks, left = [], len(tasks)
        most_ms = max(CHUNK_MS, CHUNK_MS_PER_WORKER * self.n_workers)
        for key, places in by_workload(tasks).items():
            mean_ms = self._mean_ms.get(key, FIRST_GUESS_MS)
            most, least = (math.ceil(chunk_ms / mean_ms) for chunk_ms in (most_ms, LEAST_CHUNK_MS))
            at = 0
            while at < len(places):
                size = max(least, min(most, left // (2 * self.n_workers)))
                chunks.append(_Chunk(key, tuple(places[at : at + size])))
                left -= len(chunks[-1].places)
                at += size
        return chunks

    def _submit(self, chunk: _Chunk, tasks: Sequence[Task]) -> Any:
        reference = self._sent.get(chunk.key)
        if reference is None:
            prepared = self._workloads.prepared(chunk.key)
            mapping = json.dumps(self._workloads.mapping(chunk.key))
            reference = self._ray.put((mapping, requests_as_arrays(prepared.requests)))
            self._sent[chunk.key] = reference
            if len(self._sent) > MOST_KEPT:  # families bring new ones in every generation; those under way stay anyway
                del self._sent[next(iter(self._sent))]
        texts = [task_text(tasks[place]) for place in chunk.places]
        # In a list, so that Ray does not fetch the workload for a worker that has it.
        digest = self._workloads.digest(chunk.key)
        return self._remote.remote(program_version(), digest, [reference], texts, self._timeout_s)

    def _result(
        self, reference: Any, chunk: _Chunk, tasks: Sequence[Task]
    ) -> tuple[dict[int, Record], Sequence[_Chunk]]:
        """Records by place, and what is to be run again.

        Raises
        ------
        ConfigError
            If workers cannot run this program, or the node is gone through which this process reaches the cluster.
        """
        errors = self._ray.exceptions
        try:
            found: list[Record] = self._ray.get(reference)
        except errors.RayTaskError as error:
            raise ConfigError(f"evaluator: a worker of Ray cannot run this program: {error.cause}") from error
        except errors.LocalRayletDiedError as error:
            raise ConfigError(
                "evaluator: the Ray node on this machine is gone, through which work is sent. Every generation so far "
                "is kept: start the cluster anew, and go on with resume=FOLDER."
            ) from error
        except errors.RayError as error:
            return self._after_a_loss(chunk, tasks, type(error).__name__)
        walls_ms = [record.wall_ms for record in found if record.error is None]
        if walls_ms:
            before_ms = self._mean_ms.get(chunk.key, median(walls_ms))
            self._mean_ms[chunk.key] = 0.7 * before_ms + 0.3 * median(walls_ms)
        return dict(zip(chunk.places, found, strict=False)), _alone(chunk, chunk.places[len(found) :])

    def _after_a_loss(
        self, chunk: _Chunk, tasks: Sequence[Task], error: str
    ) -> tuple[dict[int, Record], Sequence[_Chunk]]:
        """A chunk whose worker died goes out again, then each of its tasks alone: one of them may be what kills."""
        is_alone = len(chunk.places) == 1
        if is_alone and chunk.losses >= TASK_RETRIES:
            self._watch.give_up()
            return {chunk.places[0]: failure(tasks[chunk.places[0]], f"worker died: {error}")}, ()
        self._watch.run_again(len(chunk.places))
        if not is_alone and chunk.losses >= CHUNK_RETRIES:
            return {}, _alone(chunk, chunk.places)
        return {}, (replace(chunk, losses=chunk.losses + 1),)


def _alone(chunk: _Chunk, places: Sequence[int]) -> list[_Chunk]:
    return [_Chunk(chunk.key, (place,)) for place in places]
