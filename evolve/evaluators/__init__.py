"""Where does the work run?

Each file is one place with a class `Pool` that fulfils `Evaluator`. Records come back in the order of the tasks and do not depend on the
place, the number of workers, or the order in which work is done.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from evolve.records import Record, Task


class Evaluator(Protocol):
    """Runs tasks."""

    n_workers: int

    def evaluate(self, tasks: Sequence[Task], done: Callable[[int], None]) -> list[Record]:
        """The tasks' records; `done(n)` is called when n more are finished. A failure is a record, never an exception."""

    def close(self) -> None:
        """Let go of what `evaluate` holds."""
