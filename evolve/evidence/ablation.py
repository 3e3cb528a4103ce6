"""Which parts of the champion matter? Each gene is replaced by the default, and each scorer left out, one at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from blis.foundation.answers import QUESTIONS
from blis.policies.binding import DEFAULT_POLICIES
from evolve.comparing import Effect, Objective
from evolve.comparing.gains import gains
from evolve.comparing.intervals import effect
from evolve.evidence import Condition, Measure
from evolve.records import Phenotype

#: A part is dead if its whole interval lies within so much of nothing.
NEGLIGIBLE_PERCENT = 0.1


@dataclass(frozen=True, slots=True)
class Part:
    """What happens without a part of the champion."""

    name: str
    instead: str  #: what took its place
    contribution: Effect  #: gain of the champion over itself without the part; > 0: the part helps
    changed_runs: int  #: runs in which anything that is measured changed

    @property
    def reading(self) -> str:
        """dead, helps, harms, or unclear."""
        if self.changed_runs == 0:
            return "dead"
        if max(abs(self.contribution.low_percent), abs(self.contribution.high_percent)) <= NEGLIGIBLE_PERCENT:
            return "dead"
        return {"better": "helps", "worse": "harms", "unclear": "unclear"}[self.contribution.reading]


def examine(
    champion: Phenotype,
    genes: Sequence[str],
    scenarios: Sequence[str],
    seeds: Sequence[int],
    objectives: Sequence[Objective],
    measure: Measure,
    seed: int,
) -> list[Part]:
    """The contribution of each gene, and of each scorer that a gene weighs."""
    variants = without_each(champion, genes)
    conditions = [Condition(name) for name in scenarios]
    records = measure([champion, *(phenotype for _, _, phenotype in variants)], conditions, seeds)
    parts = []
    for (name, instead, _), theirs in zip(variants, records[1:], strict=True):
        rows = [gains(own, other, objectives) for own, other in zip(records[0], theirs, strict=True)]
        changed = sum(
            one.figures != other.figures or one.error != other.error
            for own, others in zip(records[0], theirs, strict=True)
            for one, other in zip(own, others, strict=True)
        )
        undefined = sum(count for _, count in rows)
        whole = effect([row for row, _ in rows], seed, "ablation", name, n_undefined=undefined)
        parts.append(Part(name, instead, whole, changed))
    return parts


def without_each(champion: Phenotype, genes: Sequence[str]) -> list[tuple[str, str, Phenotype]]:
    """(part, what takes its place, the champion with it), for each gene that is not at its default anyway.

    A gene is called by the question that it answers, or `cluster.<limit>`.
    """
    variants = []
    for gene in genes:
        limit = gene.removeprefix("cluster.")
        if gene in QUESTIONS:
            default = {"policy": DEFAULT_POLICIES[gene]}
            variants.append((gene, default["policy"], _with_policy(champion, gene, default)))
            variants += _without_scorers(champion, gene)
        elif limit in champion.limits:
            rest = {name: value for name, value in champion.limits.items() if name != limit}
            variants.append((gene, "the scenario's limit", replace(champion, limits=rest)))
    return variants


def _without_scorers(champion: Phenotype, gene: str) -> list[tuple[str, str, Phenotype]]:
    policy: Mapping[str, Any] = champion.policies[gene]
    scorers = policy.get("scorers")
    if not isinstance(scorers, Sequence) or isinstance(scorers, str) or len(scorers) < 2:
        return []
    variants = []
    for place, scorer in enumerate(scorers):
        rest = [*scorers[:place], *scorers[place + 1 :]]
        name = f"{gene}/{scorer['name']}"
        variants.append((name, "left out", _with_policy(champion, gene, {**policy, "scorers": rest})))
    return variants


def _with_policy(champion: Phenotype, question: str, policy: Mapping[str, Any]) -> Phenotype:
    return replace(champion, policies={**champion.policies, question: dict(policy)})
