"""Policy files as the reference simulator has them: no version, `scheduler`, and parameters by other names."""

from collections.abc import Mapping
from typing import Any

from blis.foundation.checks import check_keys
from blis.foundation.errors import ConfigError

_QUESTIONS = ("admission", "routing", "priority", "scheduler")
#: Keys of each question, and what they are called here.
_PARAMETERS = {
    "admission": {"token_bucket_capacity": "capacity_tokens", "token_bucket_refill_rate": "refill_tokens_per_s"},
    "routing": {"cache_weight": "cache_weight", "load_weight": "load_weight", "scorers": "scorers"},
    "priority": {},
}
#: How far the two weights of a file's own routing may be from summing to 1.
WEIGHT_TOLERANCE = 0.01


def is_published(mapping: object) -> bool:
    """Whether a document is such a file: no version, and a scheduler, or questions answered by mappings alone."""
    if not isinstance(mapping, Mapping) or "version" in mapping:
        return False
    answers = [mapping[name] for name in _PARAMETERS if name in mapping]
    return "scheduler" in mapping or bool(answers and all(isinstance(answer, Mapping) for answer in answers))


def translated(where: str, mapping: Mapping[str, Any]) -> dict[str, Any]:
    """The document as a bundle of version 1.

    Parameters that the chosen policy does not have are left out, as the reference does: it reads them all and uses
    those of the policy.

    Raises
    ------
    ConfigError
        If a key is unknown, or two weights are given whose sum is not 1.
    """
    given = check_keys(where, mapping, _QUESTIONS)
    bundle: dict[str, Any] = {"version": 1}
    for question, names in _PARAMETERS.items():
        if given.get(question) is None:
            continue
        part = check_keys(f"{where}: {question}", given[question], ("policy", *names))
        policy = part.pop("policy", None) or None
        if policy is None:
            if part:
                raise ConfigError(f"{where}: {question}.policy must be given beside {', '.join(part)}.")
            continue
        bundle[question] = {"policy": policy, **{names[key]: value for key, value in part.items() if value is not None}}
    if "admission" in bundle and bundle["admission"]["policy"] != "token-bucket":
        bundle["admission"] = {"policy": bundle["admission"]["policy"]}
    if "routing" in bundle:
        bundle["routing"] = _routing(f"{where}: routing", bundle["routing"])
    if given.get("scheduler"):
        bundle["scheduling"] = given["scheduler"]
    return bundle


def _routing(where: str, given: dict[str, Any]) -> dict[str, Any]:
    """Weighted routing without scorers is that of the first version, by cache and load."""
    weights: dict[str, Any] = {key: given[key] for key in ("cache_weight", "load_weight") if key in given}
    if given["policy"] != "weighted" or (not weights and "scorers" not in given):
        return {"policy": given["policy"]}
    if "scorers" in given:
        return {"policy": "weighted", "scorers": given["scorers"]}
    numbers = [value for value in weights.values() if isinstance(value, int | float)]
    if len(numbers) == 2 and not abs(sum(numbers) - 1.0) <= WEIGHT_TOLERANCE:
        raise ConfigError(f"{where}: cache_weight + load_weight must be 1; got {numbers[0]!r} + {numbers[1]!r}.")
    return {"policy": "weighted-legacy", **weights}
