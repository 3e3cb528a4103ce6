"""Who divides requests, and who encodes apart, as llm-d's profile handler and its deciders.

The inverse of `blis.policies.endpoint_picker_divided`.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from evolve.exchange import APPROXIMATE, EXACT, MISSING, Signal

HANDLER = "disagg-profile-handler"
#: What keeps the instances of a stage.
ROLE_FILTERS = {"decode": "decode-filter", "prefill": "prefill-filter", "encode": "encode-filter"}
_MULTIMODAL = "always-disagg-multimodal-decider"
_ALWAYS, _BY_PREFIX = "always-disagg-pd-decider", "prefix-based-pd-decider"


class Decider(NamedTuple):
    """What asks for a stage."""

    plugin: Mapping[str, Any] | None  #: None: the stage is never asked for
    signal: Signal


def handler(deciders: Mapping[str, Decider]) -> tuple[Mapping[str, Any], ...]:
    """The filters of the roles, the handler of profiles and what it asks, by the stages beside that of decoding."""
    roles = [{"type": ROLE_FILTERS[stage]} for stage in ("decode", *deciders)]
    asked = {stage: one.plugin["type"] for stage, one in deciders.items() if one.plugin is not None}
    own = {"type": HANDLER} | ({"parameters": {"deciders": asked}} if asked else {})
    return (*roles, own, *(one.plugin for one in deciders.values() if one.plugin is not None))


def encoding(policy: Mapping[str, Any]) -> Decider:
    """What asks whether a request's media are encoded apart."""
    name = str(policy["policy"])
    if name == "always-multimodal":
        return Decider({"type": _MULTIMODAL}, Signal("encoding", name, EXACT, _MULTIMODAL))
    why = f"it has no decider that is {name} as here; none in its place: nothing is encoded apart"
    return Decider(None, Signal("encoding", name, MISSING, why=why))


def division(policy: Mapping[str, Any]) -> Decider:
    """What asks whether another instance computes a prompt: what the policy is, or comes nearest to."""
    name = str(policy["policy"])
    if name == "always":
        return Decider({"type": _ALWAYS}, Signal("disaggregation", name, EXACT, _ALWAYS))
    if name == "prefix-threshold":
        if policy["tokens"] == 0:
            return Decider(None, Signal("disaggregation", name, EXACT, "no decider: never"))
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
    return Decider(None, Signal("disaggregation", name, MISSING, why=why))


def _by_prefix(name: str, tokens: float, prompt_tokens: float, why: str) -> Decider:
    """At least so many tokens, which are whole numbers, so that the next whole number says the same."""
    parameters = {"nonCachedTokens": math.ceil(tokens)}
    if prompt_tokens > 0:
        parameters["promptTokens"] = math.ceil(prompt_tokens)
    signal = Signal("disaggregation", name, APPROXIMATE if why else EXACT, _BY_PREFIX, why)
    return Decider({"type": _BY_PREFIX, "parameters": parameters}, signal)
