"""A known policy with numbers of its own choosing: which of them are searched, and where, from its `Params` alone.

What a rule's author published was found on other machines, for other traffic. A rival that keeps those numbers while
the search fits its own is beaten too easily; here it gets the same budget.
"""

from collections.abc import Mapping
from typing import Any

from blis.foundation.answers import QUESTIONS, answer
from blis.foundation.checks import check_keys
from blis.foundation.errors import ConfigError
from blis.policies.binding import fields
from blis.policies.bundle import complete_policy
from blis.policies.parameters import Bounds
from evolve.genomes.foresight import bind_without_foresight
from evolve.genomes.ranges import Range

#: Bounds whose ends are further apart say what is possible rather than what is sensible ...
_WIDE = 1000.0
#: ... and within them a number is searched this many times below and above what was published, in its logarithm.
_FACTOR = 100.0


def tuned_genes(where: str, mapping: object) -> tuple[dict[str, Any], dict[str, Any]]:
    """Descriptions of genes for the numbers of given policies, and the policies that have none.

    Parameters
    ----------
    where : str
        Path of the mapping, for messages.
    mapping : mapping
        Question -> a policy with its published parameters: a name, or a mapping with `policy` and parameters. A
        parameter that is a mapping of `low`, `high`, `scale`, `whole` is searched there, from its default; all other
        numbers are searched within their bounds, the weights of a weighted policy as ratios. null: not searched.

    Returns
    -------
    (dict, dict)
        Question -> gene, see `evolve.problem`, and question -> policy.

    Raises
    ------
    ConfigError
        If no policy is given, none of them has a number, or it is not known where one should be searched.
    """
    given = check_keys(where, mapping, QUESTIONS)
    policies = {question: choice for question, choice in given.items() if choice is not None}
    if not policies:
        raise ConfigError(f"{where} must name a policy for one of {', '.join(QUESTIONS)}; all are null.")
    genes: dict[str, Any] = {}
    fixed: dict[str, Any] = {}
    for question, choice in policies.items():
        path = f"{where}.{question}"
        published, ranges = _apart(choice)
        bind_without_foresight(question, path, published)
        gene = _gene(path, question, complete_policy(question, published), ranges)
        if gene is None:
            fixed[question] = published
        else:
            genes[question] = gene
    if not genes:
        names = ", ".join(complete_policy(question, choice)["policy"] for question, choice in fixed.items())
        raise ConfigError(f"{where} must name a policy that has numbers to tune; {names} has none.")
    return genes, fixed


def published_policies(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """The policies as they were before tuning, by question."""
    return {question: _apart(choice)[0] for question, choice in mapping.items() if choice is not None}


def _apart(choice: Any) -> tuple[Any, dict[str, Any]]:
    """The policy as published, and the ranges that are given for its parameters."""
    if not isinstance(choice, Mapping):
        return choice, {}
    ranges = {str(key): value for key, value in choice.items() if isinstance(value, Mapping) and str(key) != "scorers"}
    return {str(key): value for key, value in choice.items() if key not in ranges}, ranges


def _gene(where: str, question: str, published: Mapping[str, Any], ranges: Mapping[str, Any]) -> dict[str, Any] | None:
    """The gene of a policy's numbers; None if it has none."""
    if ":" in published["policy"]:
        return None
    described = fields(answer(question, published["policy"]))
    if published["policy"] == "weighted":
        scorers = [one["name"] for one in published["scorers"]]
        is_plain = all(published[name] == default for name, (_, default) in described.items() if name != "scorers")
        return {"kind": "weights", "scorers": scorers} if len(scorers) > 1 and is_plain else None
    check_keys(where, ranges, [name for name, (marker, _) in described.items() if isinstance(marker, Bounds)])
    parameters: dict[str, Any] = {}
    for name, (marker, default) in described.items():
        path, is_whole = f"{where}.{name}", isinstance(default, int)
        if name in ranges:
            Range.from_mapping(path, ranges[name], marker, is_whole)
            parameters[name] = {**ranges[name], **({"whole": True} if is_whole else {})}
        elif isinstance(marker, Bounds):
            parameters[name] = _range(path, marker, published[name], is_whole)
        else:
            parameters[name] = published[name]
    if not any(isinstance(value, Mapping) for value in parameters.values()):
        return None
    return {"kind": "answer", "policies": [{"policy": published["policy"], "parameters": parameters}]}


def _range(where: str, bounds: Bounds, published: float, is_whole: bool) -> dict[str, Any]:
    """Where a number is searched: between its bounds, or around what was published if they are far apart."""
    whole = {"whole": True} if is_whole else {}
    if bounds.low < 0.0 or bounds.high < _WIDE * max(1.0, bounds.low):
        return {"low": bounds.low, "high": bounds.high, **whole}
    if published <= 0.0:
        raise ConfigError(
            f"{where} must be given as {{low: ..., high: ...}}: it may be {bounds.low:g} to {bounds.high:g}, and the "
            f"published {published:g} has no order of magnitude to search in."
        )
    low, high = max(bounds.low, published / _FACTOR), min(bounds.high, published * _FACTOR)
    if is_whole:
        low, high = max(1.0, float(int(low))), float(int(high))
    return {"low": low, "high": high, "scale": "log", **whole}
