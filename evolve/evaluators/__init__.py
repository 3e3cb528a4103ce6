"""Where does the work run?

Each file with a class `Pool` is one place that fulfils `Evaluator`: `serial`, `threads` and `ray_pool`
(evaluator=ray), which works on the cluster of `ray_cluster`: `ray_worker` is what its workers do, `ray_watch` counts
its nodes and what is lost with them. `evolve.evaluators.opening.open_evaluator` makes the one that a configuration
names. Records come back in the order of the tasks and do not depend on the place, the number of workers, or the order
in which work is done.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from evolve.records import Record, Task
from evolve.trials.workloads import WorkloadKey, key_of


class Evaluator(Protocol):
    """Runs tasks."""

    n_workers: int

    def evaluate(self, tasks: Sequence[Task], done: Callable[[int], None]) -> list[Record]:
        """The tasks' records; `done(n)` is called when n more are finished. A failure is a record, not an exception."""

    def circumstances(self) -> Mapping[str, float]:
        """Under which the work is done: how many workers, what was lost; for people, as no result may depend on it."""

    def close(self) -> None:
        """Let go of what `evaluate` holds."""


def by_workload(tasks: Sequence[Task]) -> dict[WorkloadKey, list[int]]:
    """Places of the tasks that share a workload: run together they find its arrays at hand."""
    places: dict[WorkloadKey, list[int]] = {}
    for place, task in enumerate(tasks):
        places.setdefault(key_of(task), []).append(place)
    return places
