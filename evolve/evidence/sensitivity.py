"""How exact must the champion's numbers be? Each is changed by a quarter, one at a time."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from blis.foundation.answers import answer
from blis.policies.binding import fields
from blis.policies.parameters import Bounds
from blis.policies.written_source import is_written
from evolve.comparing import Effect, Objective
from evolve.comparing.gains import gains
from evolve.comparing.intervals import effect
from evolve.evidence import Condition, Measure
from evolve.records import Phenotype

FACTORS = (0.75, 1.25)


@dataclass(frozen=True, slots=True)
class Change:
    """What happens if a number is another."""

    name: str  #: such as routing/queue-depth
    value: float
    factor: float
    consequence: Effect  #: gain of the changed policy over the champion; < 0: the champion's number is better


def examine(
    champion: Phenotype,
    genes: Sequence[str],
    scenarios: Sequence[str],
    seeds: Sequence[int],
    objectives: Sequence[Objective],
    measure: Measure,
    seed: int,
) -> list[Change]:
    """The consequences of changing each number that the search has chosen."""
    variants = [
        (name, value, factor, changed)
        for factor in FACTORS
        for name, value, changed in changed_numbers(champion, genes, factor)
    ]
    conditions = [Condition(name) for name in scenarios]
    records = measure([champion, *(phenotype for *_, phenotype in variants)], conditions, seeds)
    changes = []
    for (name, value, factor, _), theirs in zip(variants, records[1:], strict=True):
        rows = [gains(other, own, objectives) for own, other in zip(records[0], theirs, strict=True)]
        undefined = sum(count for _, count in rows)
        names = ("sensitivity", name, str(factor))
        whole = effect([row for row, _ in rows], seed, *names, n_undefined=undefined)
        changes.append(Change(name, value, factor, whole))
    return sorted(changes, key=lambda change: change.name)


def changed_numbers(champion: Phenotype, genes: Sequence[str], factor: float) -> Iterator[tuple[str, float, Phenotype]]:
    """(name, value, the champion with that number times `factor`) of every weight, parameter, constant and limit.

    A number stays within the bounds of its parameter; one that is at its bound already, or zero, is not changed.
    """
    for gene in genes:
        limit = gene.removeprefix("cluster.")
        if gene in champion.policies:
            policy = champion.policies[gene]
            for name, value, changed in _changed_policy(gene, policy, factor):
                phenotype = replace(champion, policies={**champion.policies, gene: changed})
                yield f"{gene}/{name}", value, phenotype
        elif limit in champion.limits:
            value = champion.limits[limit]
            changed_limit = max(1, round(value * factor))
            if changed_limit != value:
                yield gene, value, replace(champion, limits={**champion.limits, limit: changed_limit})


def _changed_policy(
    question: str, policy: Mapping[str, Any], factor: float
) -> Iterator[tuple[str, float, dict[str, Any]]]:
    if is_written(policy):  # its numbers are its own
        return
    bounds = fields(answer(question, str(policy["policy"])))
    for key, value in policy.items():
        if key == "scorers" and len(value) > 1:
            for place, scorer in enumerate(value):
                changed = [*value]
                changed[place] = {**scorer, "weight": scorer["weight"] * factor}
                yield scorer["name"], scorer["weight"], {**policy, key: changed}
        elif key == "formula":
            words = str(value).split()
            for place, word in enumerate(words):
                number = _number(word)
                if number:
                    text = " ".join([*words[:place], repr(number * factor), *words[place + 1 :]])
                    yield f"constant {place + 1}", number, {**policy, key: text}
        elif isinstance(value, int | float) and not isinstance(value, bool) and value:
            marker = bounds[key][0]
            moved = value * factor
            if isinstance(marker, Bounds):
                moved = min(max(moved, marker.low), marker.high)
            if moved != value:
                yield key, float(value), {**policy, key: moved}


def _number(word: str) -> float | None:
    try:
        return float(word)
    except ValueError:
        return None
