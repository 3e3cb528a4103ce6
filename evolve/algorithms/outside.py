"""Genomes that somebody outside proposes, such as a package that asks a language model for source.

The search asks when it is ready, and waits here until something was proposed; whoever proposed waits for the score.
Outside and search are two threads: everything between them passes through a `Desk`.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from evolve.problem import Problem
from evolve.records import Genome, Proposal, Score


class ClosedError(Exception):
    """The search takes no more proposals: its budget is spent, or it was stopped."""


@dataclass(slots=True)
class Ticket:
    """A proposal that waits for its score."""

    proposal: Proposal
    digest: str
    verdict: "Future[Any]" = field(default_factory=Future)


class Desk:
    """Where proposals are handed in and scores handed out."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: list[Ticket] = []
        self._why_closed: str | None = None
        self.closed = threading.Event()  #: set once nothing is taken any more
        self._is_complete = False

    def hand_in(self, ticket: Ticket) -> None:
        """Propose.

        Raises
        ------
        ClosedError
            If nothing is taken any more.
        """
        with self._changed:
            if self._why_closed is not None:
                raise ClosedError(self._why_closed)
            self._waiting.append(ticket)
            self._changed.notify_all()

    def complete(self) -> None:
        """Say that nothing more will be proposed."""
        with self._changed:
            self._is_complete = True
            self._changed.notify_all()

    def take(self, most: int) -> list[Ticket]:
        """The next proposals, at least one; none once all have been made. Waits for them."""
        with self._changed:
            while not self._waiting and not self._is_complete:
                self._changed.wait(0.2)  # so that an interrupt is heard
            taken, self._waiting = self._waiting[:most], self._waiting[most:]
            return taken

    def close(self, why: str) -> None:
        """Take nothing any more, and disappoint whoever waits."""
        with self._changed:
            self._why_closed = self._why_closed or why
            self.closed.set()
            left, self._waiting = self._waiting, []
            self._changed.notify_all()
        for ticket in left:
            ticket.verdict.set_exception(ClosedError(why))


class Outside:
    """The search's side.

    Parameters
    ----------
    problem : Problem
    first : sequence of Genome
        Known ones, which are judged before anything that is proposed.
    most : int
        Proposals of one round.
    """

    def __init__(self, problem: Problem, first: Sequence[Genome], most: int) -> None:
        self.problem, self.most = problem, most
        self.first = [Ticket(Proposal(genome), problem.digest(genome)) for genome in first]
        self.desk = Desk()
        self.generation = 0
        #: What is handed out for a score; worked out in the search's own thread.
        self.verdict_of: Callable[[Genome, Score], Any] = lambda genome, score: score
        self._asked: list[Ticket] | None = None

    def ask(self) -> list[Proposal]:
        """The first genomes, then what has been proposed."""
        if self._asked is None:
            is_beginning = self.generation == 0 and self.first
            self._asked = list(self.first) if is_beginning else self.desk.take(self.most)
        return [ticket.proposal for ticket in self._asked]

    def tell(self, scores: Sequence[Score]) -> None:
        """Hand out the verdicts."""
        tickets, self._asked = self._asked or [], None
        self.generation += 1
        for ticket, score in zip(tickets, scores, strict=True):
            ticket.verdict.set_result(self.verdict_of(ticket.proposal.genome, score))

    def close(self, why: str) -> None:
        """Disappoint whoever waits: the search is over."""
        for ticket in self._asked or []:
            if not ticket.verdict.done():
                ticket.verdict.set_exception(ClosedError(why))
        self.desk.close(why)

    def state(self) -> dict[str, Any]:
        """The number of rounds; what is going on outside is not known here."""
        return {"generation": self.generation}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue with that round."""
        self.generation = state["generation"]
