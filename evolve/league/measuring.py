"""What an entry does on a board, beside the reference: the judge of `evolve.compare`, on stated seeds."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from evolve.comparing.comparison import Comparison, compare
from evolve.comparing.objectives import read_objectives
from evolve.evidence import Condition
from evolve.evidence.laboratory import Laboratory
from evolve.evidence.pairs import shares
from evolve.judging.scoring import mean_figures
from evolve.league import Board, Budget, Entry
from evolve.league.digests import digest_of
from evolve.records import Record

#: Of the resampling that makes intervals.
_SEED = 1
_DIGITS = 9


class Measured:
    """Runs of entries, each simulated once.

    Parameters
    ----------
    board : Board
    budget : Budget
        The board's full one, or that of its check.
    evaluator : str
        Where simulations run, see `evolve.evaluators.opening`.
    done : callable
        Told how many more simulations are finished.
    """

    def __init__(
        self, board: Board, budget: Budget, evaluator: str, done: Callable[[int], None] = lambda count: None
    ) -> None:
        self._board, self._budget = board, budget
        self._names = [one.name for one in budget.scenarios]
        self._laboratory = Laboratory(budget.scenarios, [], evaluator, done, board.goals.needs_trace)
        self._records: dict[str, list[list[Record]]] = {}

    def row(self, entry: Entry) -> dict[str, Any]:
        """What is measured of a sound entry, ready for JSON: it hangs on the entry and the board's question alone."""
        own, reference = self._runs(entry), self._runs(self._board.entries[self._board.reference])
        found = self.against(entry, self._board.entries[self._board.reference])
        violation = self._violation(own, reference)
        failed = next((record.error for row in own for record in row if record.error is not None), None)
        measured = {
            "policy": entry.digest,
            **shares(found.overall),
            "runs": found.overall.n_pairs,
            "reading": found.overall.reading,
            "wins": found.wins,
            "losses": found.losses,
            "objectives": {name: shares(effect) for name, effect in found.objectives.items()},
            "scenarios": {name: shares(effect)["gain"] for name, effect in found.scenarios.items()},
            "violation": violation,
            "failed": failed,
            "figures": digest_of([[_figures(record) for record in row] for row in own]),
        }
        return {name: rounded(value) for name, value in measured.items()}

    def against(self, entry: Entry, other: Entry) -> Comparison:
        """One entry beside another, run by run."""
        objectives = read_objectives(self._board.goals)
        return compare(other.name, self._names, self._runs(entry), self._runs(other), objectives, _SEED)

    def close(self) -> None:
        """Let go of the evaluator."""
        self._laboratory.close()

    def _runs(self, entry: Entry) -> list[list[Record]]:
        if entry.name not in self._records:
            if entry.phenotype is None:
                raise ValueError(f"{entry.name} is refused.")
            conditions = [Condition(name) for name in self._names]
            (self._records[entry.name],) = self._laboratory.measure([entry.phenotype], conditions, self._budget.seeds)
        return self._records[entry.name]

    def _violation(self, own: Sequence[Sequence[Record]], reference: Sequence[Sequence[Record]]) -> dict[str, float]:
        """By how much each constraint is broken in the mean over all runs; those that hold are left out."""
        ours, theirs = (mean_figures([record for row in rows for record in row]) for rows in (own, reference))
        found = {one.figure: one.violation(ours, theirs) for one in self._board.rules.constraints}
        return {name: value for name, value in found.items() if value > 0.0 and math.isfinite(value)}


def rounded(value: Any) -> Any:
    """Numbers to the digits that every processor agrees on: sums of the same floats may differ in their last ones."""
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}")
    if isinstance(value, Mapping):
        return {key: rounded(part) for key, part in value.items()}
    return value


def _figures(record: Record) -> Any:
    return rounded(record.figures) if record.error is None else record.error
