"""Shipped answers of a problem with numbers of their own choosing, found by the budget of a search."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from blis.foundation.strict_yaml import read_yaml
from evolve.comparing.comparison import Comparison
from evolve.judging.baselines import read_policies, with_bundles
from evolve.records import Phenotype
from experiments.assignments import on_command_line

SUFFIX = "-tuned"


def problem_of(folder: Path) -> Mapping[str, Any]:
    """The problem of a finished search, with what it takes from others."""
    return dict(read_yaml(folder / "config.yaml")["problem"])


def strongest_with_numbers(document: Mapping[str, Any], comparisons: Sequence[Comparison], most: int) -> list[str]:
    """Names of the known policies that are hardest to beat among those of the problem that have numbers to tune."""
    hardest_first = sorted(comparisons, key=lambda one: one.overall.gain_percent)
    return [one.rival for one in hardest_first if _parameters(document, one.rival)][:most]


def overrides(document: Mapping[str, Any], name: str) -> list[str]:
    """Words that make of a problem the search for the numbers of one of its known policies alone."""
    chosen = document["seeds"][name]
    words = []
    for gene, described in document["genes"].items():
        if "policies" not in described:  # weights, which stay as they are
            words.append(f"~problem.genes.{gene}")
            if gene in chosen:
                words += [f"+problem.frozen.{gene}={on_command_line(chosen[gene])}", f"~problem.seeds.{name}.{gene}"]
            continue
        answer = _answer_of(chosen.get(gene))
        if answer is None:
            answer = _name_of(described["policies"][0])
        (only,) = (one for one in described["policies"] if _name_of(one) == answer)
        if isinstance(only, Mapping):
            words.append(f"problem.genes.{gene}.policies=[{on_command_line(only)}]")
        else:  # nothing to tune
            words += [f"~problem.genes.{gene}", f"+problem.frozen.{gene}={answer}"]
            if gene in chosen:
                words.append(f"~problem.seeds.{name}.{gene}")
    others = [f"~problem.seeds.{other}" for other in document["seeds"] if other != name]
    return [*words, *others]


def read_tuned(folder: Path, problem: str, names: Sequence[str]) -> dict[str, Phenotype]:
    """The champions of those searches, by the name of the policy whose numbers they are."""
    bundles = {f"{name}{SUFFIX}": str(folder / f"{problem}-{name}{SUFFIX}" / "champion.yaml") for name in names}
    return read_policies("rivals", with_bundles("rivals", bundles))


def _parameters(document: Mapping[str, Any], name: str) -> bool:
    chosen = document["seeds"].get(name)
    if chosen is None:
        return False
    return any(
        isinstance(one, Mapping) and one["policy"] == _answer_of(chosen.get(gene)) and one.get("parameters")
        for gene, described in document["genes"].items()
        for one in described.get("policies", ())
    )


def _answer_of(choice: Any) -> str | None:
    return None if choice is None else _name_of(choice)


def _name_of(policy: Any) -> str:
    return str(policy["policy"] if isinstance(policy, Mapping) else policy)
