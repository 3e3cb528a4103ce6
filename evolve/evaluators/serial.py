"""One simulation after the other, in this process: nothing to start, the easiest place to debug."""

from collections.abc import Callable, Sequence

from evolve.evaluators import by_workload
from evolve.records import Record, Task
from evolve.trials.evaluation import TIMEOUT_S, evaluate
from evolve.trials.workloads import Workloads, key_of


class Pool:
    """The calling thread.

    Parameters
    ----------
    workloads : Workloads
        What tasks name.
    timeout_s : float > 0
        Wall clock that one simulation may take [s].
    """

    def __init__(self, workloads: Workloads, timeout_s: float = TIMEOUT_S) -> None:
        self.n_workers = 1
        self._workloads = workloads
        self._timeout_s = timeout_s

    def evaluate(self, tasks: Sequence[Task], done: Callable[[int], None]) -> list[Record]:
        """See `Evaluator`."""
        records: dict[int, Record] = {}
        for places in by_workload(tasks).values():
            for place in places:
                task = tasks[place]
                records[place] = evaluate(task, self._workloads.prepared(key_of(task)), self._timeout_s)
                done(1)
        return [records[place] for place in range(len(tasks))]

    def circumstances(self) -> dict[str, float]:
        """See `Evaluator`."""
        return {"workers": float(self.n_workers)}

    def close(self) -> None:
        """Nothing is held."""
