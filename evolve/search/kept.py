"""Judges again whom a search has kept, where every generation meets other scenarios; see `evolve.search.standings`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from evolve.algorithms import Keeper
from evolve.plan import Plan
from evolve.plan.ladder import Judging
from evolve.records import Score
from evolve.search.history import Evaluation, Subject
from evolve.search.ledger import Ledger
from evolve.search.standings import AGAIN, Standings
from evolve.selection.archive import Archive
from evolve.selection.individual import Individual
from evolve.selection.ranking import without_duplicates


class Kept:
    """The archive, and whom the algorithm keeps; of a suite whose scenarios stay the same, nobody need be looked at.

    Parameters
    ----------
    plan : Plan
    ledger : Ledger
    archive : Archive
    """

    def __init__(self, plan: Plan, ledger: Ledger, archive: Archive) -> None:
        self._plan, self._ledger, self._archive = plan, ledger, archive
        self._standings = Standings()

    def restore(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Know what these rows of a history know."""
        if self._plan.suite.varies:
            self._standings.restore(rows)

    def individuals(self) -> list[Individual]:
        """Who must be judged again in the next generation; whom the ladder eliminated is not."""
        if not self._plan.suite.varies:
            return []
        algorithm = self._plan.algorithm
        population = algorithm.kept() if isinstance(algorithm, Keeper) else []
        return without_duplicates([*self._archive.best(), *(one for one in population if not one.score.rungs_short)])

    def judged_again(self, generation: int, kept: Sequence[Individual], judge: Judging) -> list[Evaluation]:
        """Judge them in this generation's scenarios, tell archive and algorithm their standing; the history's rows."""
        if not kept:
            return []
        behaviours = [self._plan.behaviour(individual.genome) for individual in kept]
        judgements = judge([self._ledger.behaviours[one] for one in behaviours], self._plan.ladder.top)
        rows = []
        for place, (one, behaviour, judgement) in enumerate(zip(kept, behaviours, judgements, strict=True)):
            subject = Subject(
                AGAIN, generation, place, "", one.genome, one.digest, one.parents, behaviour, judgement.score
            )
            rows += self._ledger.book(subject, judgement, "train")
        scores = {one.digest: judgement.score for one, judgement in zip(kept, judgements, strict=True)}
        standings = self._standings.again(scores)
        self._archive.judged_again(standings)
        if isinstance(self._plan.algorithm, Keeper):
            self._plan.algorithm.judged_again(standings)
        return rows

    def scores(self, digests: Sequence[str], scores: Sequence[Score]) -> list[Score]:
        """What candidates are worth: their scores, or their standing where generations differ."""
        if not self._plan.suite.varies:
            return list(scores)
        climbed = {digest: score for digest, score in zip(digests, scores, strict=True) if not score.rungs_short}
        standings = self._standings.fresh(climbed)
        return [
            replace(standings[digest], figures=score.figures) if digest in standings else score
            for digest, score in zip(digests, scores, strict=True)
        ]
