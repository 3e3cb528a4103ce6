"""Who divides requests, as llm-d's profile handler and its decider: the inverse of `endpoint_picker_divided`."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from evolve.exchange import APPROXIMATE, EXACT, MISSING, Signal

HANDLER = "disagg-profile-handler"
DECODE_FILTER, PREFILL_FILTER = "decode-filter", "prefill-filter"
_ALWAYS, _BY_PREFIX = "always-disagg-pd-decider", "prefix-based-pd-decider"


class Division(NamedTuple):
    """What the configuration gets beside its two profiles."""

    plugins: tuple[Mapping[str, Any], ...]
    signal: Signal


def division(policy: Mapping[str, Any]) -> Division:
    """The handler of profiles, and the decider that the policy is or comes nearest to."""
    name = str(policy["policy"])
    if name == "always":
        return _decided({"type": _ALWAYS}, Signal("disaggregation", name, EXACT, _ALWAYS))
    if name == "prefix-threshold":
        if policy["tokens"] == 0:
            return Division(_handler({}), Signal("disaggregation", name, EXACT, "no decider: never"))
        return _by_prefix(name, policy["tokens"], policy["prompt_tokens"], "")
    if name == "above-prefix-threshold":
        return _by_prefix(name, math.floor(policy["tokens"]) + 1, 0, "")
    if name == "conditional" and policy["mode"] == "isl-bounding":
        why = "it divides by the number of new tokens alone, not by their share of the prompt"
        return _by_prefix(name, max(1, policy["new_tokens"]), 0, why)
    if name == "load-based":
        why = "it divides by the number of new tokens alone, whatever the load"
        return _by_prefix(name, max(1, policy["least_tokens"]), 0, why)
    why = f"it has no decider that is {name} as here; none in its place: nothing is divided"
    return Division(_handler({}), Signal("disaggregation", name, MISSING, why=why))


def _by_prefix(name: str, tokens: float, prompt_tokens: float, why: str) -> Division:
    """At least so many tokens, which are whole numbers, so that the next whole number says the same."""
    parameters = {"nonCachedTokens": math.ceil(tokens)}
    if prompt_tokens > 0:
        parameters["promptTokens"] = math.ceil(prompt_tokens)
    signal = Signal("disaggregation", name, APPROXIMATE if why else EXACT, _BY_PREFIX, why)
    return _decided({"type": _BY_PREFIX, "parameters": parameters}, signal)


def _decided(decider: Mapping[str, Any], signal: Signal) -> Division:
    return Division((*_handler({"deciders": {"prefill": decider["type"]}}), decider), signal)


def _handler(parameters: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    roles = ({"type": DECODE_FILTER}, {"type": PREFILL_FILTER})
    return (*roles, {"type": HANDLER} | ({"parameters": dict(parameters)} if parameters else {}))
