"""Books every judgement of a search: what was simulated anew, what it cost, and which behaviour is known already."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from evolve.judging.fitness import Judgement
from evolve.plan.budget import Spending
from evolve.problem import Problem
from evolve.records import Cost, Phenotype, Record
from evolve.search.history import Evaluation, Subject, record_of


class Ledger:
    """What is known of a search so far.

    Parameters
    ----------
    store : dict of str to Record
        Records by the digest of their task, shared with the judge, who adds what it simulates.
    """

    def __init__(self, store: dict[str, Record]) -> None:
        self.store = store
        self.spending = Spending()
        self.behaviours: dict[str, Phenotype] = {}  #: signature -> the first phenotype that had it
        self._booked: set[str] = set()  #: digests of tasks that have a row

    def restore(self, rows: Iterable[Mapping[str, Any]], spending: Mapping[str, Any], problem: Problem) -> None:
        """Know what these rows of a history know."""
        for row in rows:
            self._booked.add(row["task"])
            self.store.setdefault(row["task"], record_of(row))
            if row["stage"] == "search" and row["behaviour"] not in self.behaviours:
                self.behaviours[row["behaviour"]] = problem.decode(row["genome"])
        self.spending = Spending.from_state(spending)

    def book(self, subject: Subject, judgement: Judgement, role: str) -> list[Evaluation]:
        """A judgement's rows; a task that has a row already is a cache hit."""
        rows = []
        for task, record in judgement.records:
            rows.append(Evaluation(subject, task, role, record, cache_hit=task.digest in self._booked))
            self._booked.add(task.digest)
        return rows

    def pay(self, rows: Sequence[Evaluation]) -> None:
        """Charge a generation's rows to the budget, and close it."""
        self.spending.close_generation(self.charge(rows))

    def charge(self, rows: Sequence[Evaluation]) -> int:
        """Charge rows to the budget; how many new simulations they are."""
        new = [row.record for row in rows if not row.cache_hit]
        self.spending.evaluations += len(new)
        self.spending.requests += sum(record.simulated_requests for record in new)
        self.spending.failures += sum(record.error is not None for record in new)
        self.spending.cache_hits += len(rows) - len(new)
        return len(new)

    def pay_lessons(self, cost: Cost) -> None:
        """Charge what a round of lessons simulated to the budget."""
        self.spending.evaluations += cost.evaluations
        self.spending.requests += cost.requests
        self.spending.lesson_requests += cost.requests
