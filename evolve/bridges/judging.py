"""Where a package hands in candidates and hears of them; safe to use from several threads.

What is not in the dialect is refused here, costs nothing, and is kept like everything that was proposed, in
`proposals.jsonl` of the run folder.
"""

import json
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from blis.foundation.errors import ConfigError
from evolve.algorithms.outside import ClosedError, Outside, Ticket
from evolve.bridges.feedback import feedback
from evolve.bridges.verdict import FAILED, JUDGED, LEAST_MERIT, REFUSED, Verdict
from evolve.evaluators.isolated import Pool
from evolve.judging.fitness import Judgement
from evolve.plan import Plan
from evolve.records import Genome, Phenotype, Proposal, Score

FILE = "proposals.jsonl"


class Judging:
    """The search, as a package sees it.

    Parameters
    ----------
    plan : Plan
        Whose algorithm is `Outside`.
    pool : Pool
        That explains runs.
    """

    def __init__(self, plan: Plan, pool: Pool) -> None:
        assert isinstance(plan.algorithm, Outside)
        self.plan, self.outside, self._pool = plan, plan.algorithm, pool
        self.outside.verdict_of = self._verdict
        self.questions = tuple(gene.name for gene in plan.problem.genes)
        self.parts = tuple(plan.judge.parts("train"))
        self._lock = threading.Lock()
        self._known: dict[str, Ticket] = {ticket.digest: ticket for ticket in plan.algorithm.first}
        self._count = 0
        self.refused = 0

    def judge(self, sources: Mapping[str, str], parents: Sequence[str] = ()) -> Verdict:
        """What a candidate is worth; waits until the search has judged it.

        Parameters
        ----------
        sources : mapping of str to str
            Question -> source of the policy that answers it.
        parents : sequence of str
            Digests of the candidates that it was made from, as verdicts name them.

        Raises
        ------
        ClosedError
            If the search takes no more candidates.
        """
        try:
            genome = self.plan.problem.check("candidate", dict(sources))
        except ConfigError as error:
            return self.refusal(sources, str(error), parents)
        digest = self.plan.problem.digest(genome)
        with self._lock:
            ticket = self._known.get(digest)
            if ticket is None:
                ticket = self._known[digest] = Ticket(Proposal(genome, tuple(parents)), digest)
                self.outside.desk.hand_in(ticket)
        verdict: Verdict = ticket.verdict.result()
        self._keep(genome, parents, verdict)
        return verdict

    def starts(self) -> list[dict[str, str]]:
        """The problem's seeds: candidates to begin with."""
        return [dict(genome) for genome in self.plan.first]

    def refusal(self, sources: Mapping[str, str], why: str, parents: Sequence[str] = ()) -> Verdict:
        """The verdict on what is no candidate, kept like every other."""
        with self._lock:
            self.refused += 1
        text = f"# The candidate was refused before it ran\n\n- {why}\n"
        verdict = Verdict(REFUSED, LEAST_MERIT, dict.fromkeys(self.parts, LEAST_MERIT), feedback=text)
        self._keep(sources, parents, verdict)
        return verdict

    def digest_of(self, sources: Mapping[str, str]) -> tuple[str, ...]:
        """The digest of a candidate that was handed in before, as the only parent; none of anything else."""
        try:
            digest = self.plan.problem.digest(self.plan.problem.check("candidate", dict(sources)))
        except ConfigError:
            return ()
        with self._lock:
            return (digest,) if digest in self._known else ()

    def _verdict(self, genome: Genome, score: Score) -> Verdict:
        """In the search's thread, as what it asks of the judge is known already."""
        plan, top = self.plan, self.plan.ladder.top
        phenotype = plan.problem.decode(genome)
        seeds = plan.suite.seeds["train"][: top.seeds]
        (judgement,) = plan.judge.score([phenotype], "train", seeds, top.num_requests)
        parts = self._merits(judgement)
        errors = [record.error for _, record in judgement.records if record.error is not None]
        if len(errors) == len(judgement.records):
            return self._failure(genome, errors)
        worst = min(parts, key=lambda name: parts[name])
        explained = "" if errors else self._explained(phenotype, worst, judgement)
        known = plan.judge.baselines("train", seeds, top.num_requests)
        text = feedback(
            judgement, parts, {name: one.score.fitness for name, one in known.items()}, explained, worst, errors[:1]
        )
        figures = {name: float(value) for name, value in judgement.figures.items() if value is not None}
        return Verdict(JUDGED, float(score.values[0]), parts, figures, text, plan.problem.digest(genome))

    def _failure(self, genome: Genome, errors: Sequence[str]) -> Verdict:
        """The verdict on a candidate of which every run failed."""
        text = "# Every run of the candidate failed\n\n" + "".join(f"- {error}\n" for error in dict.fromkeys(errors))
        lost = dict.fromkeys(self.parts, LEAST_MERIT)
        return Verdict(FAILED, LEAST_MERIT, lost, feedback=text, digest=self.plan.problem.digest(genome))

    def _merits(self, judgement: Judgement) -> dict[str, float]:
        """Of each part the mean over its scenarios; where a constraint is broken, or a run failed, what that costs."""
        found = {}
        failed = {task.scenario for task, record in judgement.records if record.error is not None}
        for name, scenarios in self.plan.judge.parts("train").items():
            values = [
                LEAST_MERIT if one in failed else judgement.values[one][0]
                for one in scenarios
                if one in failed or one in judgement.values
            ]
            merit = sum(values) / len(values) if values else LEAST_MERIT
            found[name] = merit if judgement.score.is_feasible else min(merit, judgement.score.values[0])
        return found

    def _explained(self, phenotype: Phenotype, part: str, judgement: Judgement) -> str:
        """The summary of a traced run in the part's first scenario, which the budget does not pay."""
        names = self.plan.judge.parts("train")[part]
        task = next((task for task, _ in judgement.records if task.scenario == names[0]), None)
        return "" if task is None else self._pool.explain(task)

    def _keep(self, sources: Mapping[str, str], parents: Sequence[str], verdict: Verdict) -> None:
        row: dict[str, Any] = {"sources": dict(sources), "parents": list(parents), **verdict.plain()}
        with self._lock:
            row = {"place": self._count, **row}
            self._count += 1
            with (self.plan.folder / FILE).open("a", encoding="utf-8") as file:
                file.write(json.dumps(row, ensure_ascii=False) + "\n")


def read_proposals(folder: Path) -> list[dict[str, Any]]:
    """Everything that was proposed, in order."""
    text = (folder / FILE).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


__all__ = ["ClosedError", "Judging", "Verdict", "read_proposals"]
