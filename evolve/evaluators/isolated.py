"""Every candidate in a process of its own, which can compute and nothing else, and is stopped when it takes too long.

For policies that somebody else has written. The search's process never runs such a policy: it hands tasks to a helper
(`evolve.evaluators.isolated_helper`), a process with a single thread that keeps the workloads, and the helper forks for
each candidate. A candidate that crashes, hangs or fills the memory is a recorded failure.
"""

import multiprocessing
import signal
from collections.abc import Callable, Sequence
from typing import Any

from blis.foundation.errors import ConfigError
from evolve.evaluators.isolated_helper import serve
from evolve.records import Record, Task
from evolve.trials.evaluation import TIMEOUT_S, failure
from evolve.trials.workloads import Workloads

#: Wall clock that the helper has to end by itself [s].
_ENDING_S = 2.0


class Pool:
    """One candidate at a time, beside this process.

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
        self._helper: Any = None
        self._line: Any = None
        self._lost = 0

    def evaluate(self, tasks: Sequence[Task], done: Callable[[int], None]) -> list[Record]:
        """See `Evaluator`."""
        if not tasks:
            return []
        places: dict[int, list[int]] = {}
        for place, task in enumerate(tasks):
            places.setdefault(id(task.phenotype), []).append(place)
        records: dict[int, Record] = {}
        for together in places.values():
            batch = [tasks[place] for place in together]
            records |= zip(together, self._ask("judge", batch, done), strict=True)
        return [records[place] for place in range(len(tasks))]

    def explain(self, task: Task) -> str:
        """The summary of a traced run as text, or what went wrong with it."""
        return str(self._ask("explain", [task], lambda count: None)[0])

    def circumstances(self) -> dict[str, float]:
        """See `Evaluator`."""
        return {"workers": float(self.n_workers), "lost_processes": float(self._lost)}

    def close(self) -> None:
        """End the helper, and with it whatever it has forked."""
        helper, self._helper = self._helper, None
        if helper is None:
            return
        self._line.close()
        helper.join(_ENDING_S)
        if helper.is_alive():
            helper.kill()
            helper.join()

    def _ask(self, what: str, tasks: Sequence[Task], done: Callable[[int], None]) -> list[Any]:
        """The helper's replies, one for each task."""
        found: list[Any] = []
        try:
            self._start()
            self._line.send((what, list(tasks)))
            for _ in tasks:
                reply = self._line.recv()
                if isinstance(reply, ConfigError):  # a scenario cannot be built, which is nobody's failure
                    raise reply
                found.append(reply)
                done(1)
        except (EOFError, BrokenPipeError, ConnectionResetError):
            self._lost += 1
            self.close()
            why = "the process that isolates candidates was lost"
            rest = tasks[len(found) :]
            found += [failure(task, why) if what == "judge" else why for task in rest]
            done(len(rest))
        except BaseException:  # what it would still say belongs to nobody
            self.close()
            raise
        return found

    def _start(self) -> None:
        if self._helper is not None:
            return
        context = multiprocessing.get_context("spawn")
        self._line, theirs = context.Pipe()
        self._helper = context.Process(
            target=serve, args=(theirs, self._workloads.suite, self._timeout_s), name="isolated-helper", daemon=False
        )
        kept = signal.signal(signal.SIGINT, signal.SIG_IGN) if _is_main_thread() else None  # the helper inherits it
        try:
            self._helper.start()
        finally:
            if kept is not None:
                signal.signal(signal.SIGINT, kept)
        theirs.close()


def _is_main_thread() -> bool:
    import threading

    return threading.current_thread() is threading.main_thread()
