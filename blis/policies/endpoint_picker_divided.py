"""llm-d's profiles of several stages: who decodes, who computes the prompt, who encodes; and what asks the last two.

Types, parameters and defaults are those of llm-d-router 0.9: `disagg-profile-handler`, formerly `pd-profile-handler`,
runs the decode profile; asks the decider of `deciders.encode`, and if that says so runs the encode profile; asks the
decider of `deciders.prefill` with the choice of who decodes, and if that says so runs the prefill profile. Without a
decider of a stage no request has it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from blis.foundation.checks import check_choice, check_keys, check_number
from blis.foundation.errors import ConfigError
from blis.foundation.words import listed, shown

HANDLERS = ("disagg-profile-handler", "pd-profile-handler")
#: Stages, by the names that their profiles have unless the handler gives others; the first one is always run.
STAGES = ("decode", "prefill", "encode")
#: What keeps the instances of a stage that others than those who decode do.
ROLE_FILTERS = {"prefill": "prefill-filter", "encode": "encode-filter"}
_ALWAYS, _BY_PREFIX = "always-disagg-pd-decider", "prefix-based-pd-decider"
_MULTIMODAL = "always-disagg-multimodal-decider"


def places_of_stages(where: str, profiles: object, plugins: Mapping[str, Any]) -> dict[str, int] | None:
    """The place of each stage's profile; None where one profile routes whole requests.

    Raises
    ------
    ConfigError
        If there is no handler for several profiles, it has another order, or a profile is missing.
    """
    if not isinstance(profiles, Sequence) or isinstance(profiles, str) or len(profiles) < 2:
        return None
    handler = _handler(where, plugins)
    if handler is None or len(profiles) > len(STAGES):
        raise ConfigError(
            f"{where}: schedulingProfiles must be one, or two with a {HANDLERS[0]}: one that decodes and one that "
            f"computes prompts or encodes, or three; got {len(profiles)}."
        )
    given = _parameters(where, handler)
    order = given.get("stageOrder", "decode-first")
    if order != "decode-first":
        raise ConfigError(f"{where}: {HANDLERS[0]}.stageOrder must be decode-first, as here; got {shown(order)}.")
    named = check_keys(f"{where}: {HANDLERS[0]}.profiles", given.get("profiles") or {}, STAGES)
    names = [profile.get("name") if isinstance(profile, Mapping) else None for profile in profiles]
    places = {}
    for stage in _stages(where, given, named, names):
        name = named.get(stage) or stage
        if name not in names:
            raise ConfigError(f"{where}: schedulingProfiles must hold one named {shown(name)}; got {shown(names)}.")
        places[stage] = names.index(name)
    unused = [name for place, name in enumerate(names) if place not in places.values()]
    if unused:
        raise ConfigError(f"{where}: schedulingProfiles must be of a stage: {listed(STAGES)}; got {shown(unused[0])}.")
    return places


def _stages(where: str, given: Mapping[str, Any], named: Mapping[str, Any], names: Sequence[Any]) -> list[str]:
    """The stages that the handler has: it decodes, and whatever has a decider, a name or a profile."""
    deciders = check_keys(f"{where}: {HANDLERS[0]}.deciders", given.get("deciders") or {}, ("prefill", "encode"))
    others = [stage for stage in STAGES[1:] if stage in deciders or stage in named or stage in names]
    return ["decode", *(others or ["prefill"])]


def decider(where: str, plugins: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to `disaggregation` that the handler's decider is.

    Raises
    ------
    ConfigError
        If it names a plugin that is not listed or that this program does not know.
    """
    handler = _handler(where, plugins)
    given = {} if handler is None else _parameters(where, handler)
    deciders = check_keys(f"{where}: {HANDLERS[0]}.deciders", given.get("deciders") or {}, ("prefill", "encode"))
    name = deciders.get("prefill")
    if name is None:
        return {"policy": "never"}
    if name not in plugins:
        raise ConfigError(f"{where}: {HANDLERS[0]}.deciders.prefill must be a listed plugin; got {shown(name)}.")
    kind = check_choice(f"{where}: {HANDLERS[0]}.deciders.prefill", plugins[name].type, (_ALWAYS, _BY_PREFIX))
    if kind == _ALWAYS:
        return {"policy": "always"}
    own = check_keys(f"{where}: {name}.parameters", plugins[name].parameters, ("nonCachedTokens", "promptTokens"))
    return {
        "policy": "prefix-threshold",
        "tokens": check_number(f"{where}: {name}.nonCachedTokens", own.get("nonCachedTokens", 0), 0),
        "prompt_tokens": check_number(f"{where}: {name}.promptTokens", own.get("promptTokens", 0), 0),
    }


def encode_decider(where: str, plugins: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to `encoding` that the handler's decider is.

    Raises
    ------
    ConfigError
        If it names a plugin that is not listed or that this program does not know.
    """
    handler = _handler(where, plugins)
    given = {} if handler is None else _parameters(where, handler)
    name = (given.get("deciders") or {}).get("encode")
    if name is None:
        return {"policy": "never"}
    if name not in plugins:
        raise ConfigError(f"{where}: {HANDLERS[0]}.deciders.encode must be a listed plugin; got {shown(name)}.")
    check_choice(f"{where}: {HANDLERS[0]}.deciders.encode", plugins[name].type, (_MULTIMODAL,))
    return {"policy": "always-multimodal"}


def _handler(where: str, plugins: Mapping[str, Any]) -> Any:
    found = [plugin for plugin in plugins.values() if plugin.type in HANDLERS]
    if len(found) > 1:
        raise ConfigError(f"{where}: plugins must hold one handler of profiles; got {len(found)}.")
    return found[0] if found else None


def _parameters(where: str, handler: Any) -> dict[str, Any]:
    return check_keys(f"{where}: {handler.type}.parameters", handler.parameters, ("deciders", "profiles", "stageOrder"))
