"""The loop of a search: baselines, generations until the budget is spent, finals, and what is left behind.

After each generation its evaluations, what trackers hear and the checkpoint are written, in this order. A search that
is killed at any moment goes on from its last checkpoint and repeats what that does not count, to the same bytes.
"""

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from blis.foundation.errors import ConfigError
from evolve.judging.fitness import Judgement
from evolve.outcome.files import sole_writer
from evolve.outcome.results import leave, leave_unfinished, starting
from evolve.plan import Plan
from evolve.plan.budget import IDLE_GENERATIONS
from evolve.plan.ladder import Climb, Rung
from evolve.records import Cost, Phenotype, Proposal, Score
from evolve.search import checkpoint
from evolve.search.checkpoint import FINISHED, FOLDER, SEARCHED, SEARCHING, Checkpoint
from evolve.search.finals import hold_finals
from evolve.search.history import Evaluation, History, Subject, generation_part
from evolve.search.kept import Kept
from evolve.search.ledger import Ledger
from evolve.search.telling import generation_report
from evolve.selection.archive import Archive
from evolve.selection.individual import Individual
from evolve.trackers import SearchEnd, Tracker

BASELINES, FINALS = "baselines", "finals"
#: Of the best how many are kept for each one who may be judged again: enough for finalists to differ.
ARCHIVED = 4


class Candidate(NamedTuple):
    """A proposal that was judged."""

    proposal: Proposal
    behaviour: str  #: signature of its phenotype
    climb: Climb


class Search:
    """One search, from its beginning or from its last checkpoint to its end.

    Parameters
    ----------
    plan : Plan
    tracker : Tracker
        Hears of all that happens.
    """

    def __init__(self, plan: Plan, tracker: Tracker) -> None:
        self.plan, self.tracker = plan, tracker
        self.ledger = Ledger(plan.store)
        self.archive = Archive(ARCHIVED * plan.finalists, len(plan.objectives))
        self.kept = Kept(plan, self.ledger, self.archive)
        self.history = History(plan.folder / FOLDER)
        self.parts: dict[str, str] = {}  #: of the history: name -> digest
        self.status = SEARCHING

    def run(self) -> None:
        """Search, and leave the results in the run folder.

        Raises
        ------
        KeyboardInterrupt
            If it was interrupted; the best so far has been written then.
        BlisError
            If the folder cannot be written, or a baseline fails.
        """
        with sole_writer(self.plan.folder / FOLDER):
            self._run()

    def _run(self) -> None:
        is_resumed = self._restore()
        if self.status == FINISHED:
            return
        try:
            baselines = self._judge_baselines()
            self.tracker.start(starting(self.plan, self.ledger.spending, baselines, is_resumed))
            while self.status == SEARCHING:
                self._generation()
            finals, rows = hold_finals(self.plan, self.ledger, self.archive.best(), self.tracker)
            finals_part = {FINALS: self.history.write(FINALS, rows)}
            everything = self.history.rows({**self.parts, **finals_part})
            end = leave(self.plan, self.ledger.spending, finals, everything, baselines)
            self.tracker.end(end)
            self.status = FINISHED
            self._save()
            self.history.clear()
        except BaseException as reason:
            self._give_up("interrupted" if isinstance(reason, KeyboardInterrupt) else "failed")
            raise

    def _give_up(self, status: str) -> None:
        """Write the best so far; what keeps it from being written matters less than the reason to give up."""
        written: list[Path] = []
        with suppress(ConfigError):
            written = leave_unfinished(self.plan, self.archive.best(), self.history.rows(self.parts), status)
        self.tracker.end(SearchEnd(status, {}, [], written))

    def _restore(self) -> bool:
        """Go on where the folder's checkpoint stands, if there is one."""
        saved = checkpoint.load(self.plan.folder)
        if saved is None:
            return False
        checkpoint.check_same(self.plan.folder, saved, self.plan.document)
        self.status, self.parts = saved.status, saved.parts
        if saved.status != FINISHED:
            self.plan.algorithm.restore(saved.algorithm)
            self.archive.restore(saved.archive)
            rows = self.history.rows(self.parts)
            self.ledger.restore(rows, saved.spending, self.plan.problem)
            self.kept.restore(rows)
        return True

    def _save(self) -> None:
        saved = Checkpoint(
            configuration=checkpoint.digests(self.plan.document),
            status=self.status,
            algorithm=self.plan.algorithm.state(),
            archive=self.archive.state(),
            spending=self.ledger.spending.state(),
            parts=self.parts,
        )
        checkpoint.save(self.plan.folder, saved)

    def _judge_baselines(self) -> dict[str, Judgement]:
        """Judge the baselines on each rung, where they are the yardstick; the judgements on the last."""
        rows: list[Evaluation] = []
        baselines: dict[str, Judgement] = {}
        self.plan.meet(0)
        for rung in self.plan.ladder.rungs:
            seeds = self.plan.suite.seeds["train"][: rung.seeds]
            baselines = self.plan.judge.baselines("train", seeds, rung.num_requests)
            for place, (name, judgement) in enumerate(baselines.items()):
                subject = Subject("baseline", -1, place, name, {}, "", (), "", judgement.score)
                rows += self.ledger.book(subject, judgement, "train")
        if BASELINES not in self.parts:
            self.parts[BASELINES] = self.history.write(BASELINES, rows)
        return baselines

    def _generation(self) -> None:
        """One round, or none if the budget is spent."""
        plan, spending = self.plan, self.ledger.spending
        started_s, before, generation = time.perf_counter(), spending.evaluations, spending.generations
        kept = self.kept.individuals()
        again = plan.ladder.cost_at_top(len(kept), plan.suite.scenarios["train"])
        if kept and not self._affordable(1, again):
            self._close()
            return
        plan.meet(generation)
        rows = self.kept.judged_again(generation, kept, self._on_rung)
        proposals = self._proposals(again)
        count = self._affordable(len(proposals), again)
        if not count:
            self._close(rows)
            return
        candidates = self._judged(proposals[:count])
        rows += self._booked(generation, candidates)
        self.ledger.pay(rows)
        self.parts[generation_part(generation)] = self.history.write(generation_part(generation), rows)
        digests = [plan.problem.digest(candidate.proposal.genome) for candidate in candidates]
        scores = self.kept.scores(digests, [candidate.climb.score for candidate in candidates])
        self.archive.update(
            self._individual(candidate, score, generation) for candidate, score in zip(candidates, scores, strict=True)
        )
        if count < len(proposals):
            self.status = SEARCHED  # the algorithm is not told half a round
        else:
            plan.algorithm.tell(scores)
            if spending.idle_generations >= IDLE_GENERATIONS:
                self.status = SEARCHED
        scores = [candidate.climb.score for candidate in candidates]
        n_behaviours = len({candidate.behaviour for candidate in candidates})
        timing = generation, spending.evaluations - before, time.perf_counter() - started_s
        report = generation_report(plan, self.ledger, self.archive.best(), scores, n_behaviours, timing)
        self.tracker.generation(report)
        self._save()

    def _affordable(self, wanted: int, again: Cost) -> int:
        """How many of `wanted` candidates are affordable beside those who are judged again."""
        plan = self.plan
        scenarios = plan.suite.scenarios["train"]

        def cost(count: int) -> Cost:
            judged = plan.ladder.cost(count, scenarios)
            return Cost(judged.evaluations + again.evaluations, judged.requests + again.requests)

        return self.ledger.spending.affordable(plan.budget, wanted, cost)

    def _close(self, rows: Sequence[Evaluation] = ()) -> None:
        """End the generations; rows of one that did not come to its candidates are paid and kept."""
        if rows:
            self.ledger.charge(rows)
            part = generation_part(self.ledger.spending.generations)
            self.parts[part] = self.history.write(part, rows)
        self.status = SEARCHED
        self._save()

    def _proposals(self, again: Cost) -> list[Proposal]:
        """What the algorithm asks for; lessons that it takes for it are paid, also if nothing of it can be judged.

        `again` is what judging again those who were kept costs, which is not paid yet.
        """
        practice, spending = self.plan.practice, self.ledger.spending
        if practice is None:
            return self.plan.algorithm.ask()
        if self.plan.budget.generations is None or spending.generations < self.plan.budget.generations:
            left = spending.left(self.plan.budget)
            practice.open(Cost((left.evaluations - again.evaluations) // 2, (left.requests - again.requests) // 2))
        proposals = self.plan.algorithm.ask()
        self.ledger.pay_lessons(practice.close())
        return proposals

    def _judged(self, proposals: Sequence[Proposal]) -> list[Candidate]:
        """Judge each behaviour once: who decides like one that is known is given its records."""
        behaviours = [self.plan.behaviour(proposal.genome) for proposal in proposals]
        for behaviour, proposal in zip(behaviours, proposals, strict=True):
            self.ledger.behaviours.setdefault(behaviour, self.plan.problem.decode(proposal.genome))
        distinct = list(dict.fromkeys(behaviours))
        climbs = self.plan.ladder.climb([self.ledger.behaviours[behaviour] for behaviour in distinct], self._on_rung)
        of_behaviour = dict(zip(distinct, climbs, strict=True))
        return [
            Candidate(proposal, behaviour, of_behaviour[behaviour])
            for proposal, behaviour in zip(proposals, behaviours, strict=True)
        ]

    def _on_rung(self, phenotypes: Sequence[Phenotype], rung: Rung) -> list[Judgement]:
        seeds = self.plan.suite.seeds["train"][: rung.seeds]
        return self.plan.judge.score(phenotypes, "train", seeds, rung.num_requests, self.tracker.progress)

    def _booked(self, generation: int, candidates: Sequence[Candidate]) -> list[Evaluation]:
        rows = []
        for place, (proposal, behaviour, climb) in enumerate(candidates):
            digest = self.plan.problem.digest(proposal.genome)
            for rung, judgement in enumerate(climb.judgements, 1):
                score = replace(judgement.score, rungs_short=len(self.plan.ladder.rungs) - rung)
                subject = Subject(
                    "search", generation, place, "", proposal.genome, digest, proposal.parents, behaviour, score
                )
                rows += self.ledger.book(subject, judgement, "train")
        return rows

    def _individual(self, candidate: Candidate, score: Score, generation: int) -> Individual:
        problem, proposal = self.plan.problem, candidate.proposal
        size = problem.complexity(proposal.genome)
        digest = problem.digest(proposal.genome)
        return Individual(proposal.genome, score, digest, size, proposal.parents, generation)
