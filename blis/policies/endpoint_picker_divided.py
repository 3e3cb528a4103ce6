"""llm-d's two profiles, of which one chooses who decodes and one who computes the prompt, and what asks the latter.

Types, parameters and defaults are those of llm-d-router 0.9: `disagg-profile-handler`, formerly `pd-profile-handler`,
runs the decode profile, asks the decider of `deciders.prefill` with its choice, and if that says so the prefill
profile. Without a decider no request is divided.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from blis.foundation.checks import check_choice, check_keys, check_number
from blis.foundation.errors import ConfigError
from blis.foundation.words import shown

HANDLERS = ("disagg-profile-handler", "pd-profile-handler")
PREFILL_FILTER = "prefill-filter"
_ALWAYS, _BY_PREFIX = "always-disagg-pd-decider", "prefix-based-pd-decider"


def two_profiles(where: str, profiles: object, plugins: Mapping[str, Any]) -> tuple[int, int] | None:
    """Places of the decode and of the prefill profile; None where one profile routes whole requests.

    Raises
    ------
    ConfigError
        If there is no handler for two profiles, it has another order, or a profile is missing.
    """
    if not isinstance(profiles, Sequence) or isinstance(profiles, str) or len(profiles) < 2:
        return None
    handler = _handler(where, plugins)
    if handler is None or len(profiles) > 2:
        raise ConfigError(
            f"{where}: schedulingProfiles must be one, or two with a {HANDLERS[0]}: one that decodes and one that "
            f"computes prompts; got {len(profiles)}."
        )
    given = _parameters(where, handler)
    order = given.get("stageOrder", "decode-first")
    if order != "decode-first":
        raise ConfigError(f"{where}: {HANDLERS[0]}.stageOrder must be decode-first, as here; got {shown(order)}.")
    named = check_keys(f"{where}: {HANDLERS[0]}.profiles", given.get("profiles") or {}, ("decode", "prefill"))
    names = [profile.get("name") if isinstance(profile, Mapping) else None for profile in profiles]
    places = []
    for part in ("decode", "prefill"):
        name = named.get(part) or part
        if name not in names:
            raise ConfigError(f"{where}: schedulingProfiles must hold one named {shown(name)}; got {shown(names)}.")
        places.append(names.index(name))
    return places[0], places[1]


def decider(where: str, plugins: Mapping[str, Any]) -> dict[str, Any]:
    """The answer to `disaggregation` that the handler's decider is.

    Raises
    ------
    ConfigError
        If it names a plugin that is not listed or that this program does not know.
    """
    handler = _handler(where, plugins)
    given = {} if handler is None else _parameters(where, handler)
    deciders = check_keys(f"{where}: {HANDLERS[0]}.deciders", given.get("deciders") or {}, ("prefill",))
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


def _handler(where: str, plugins: Mapping[str, Any]) -> Any:
    found = [plugin for plugin in plugins.values() if plugin.type in HANDLERS]
    if len(found) > 1:
        raise ConfigError(f"{where}: plugins must hold one handler of profiles; got {len(found)}.")
    return found[0] if found else None


def _parameters(where: str, handler: Any) -> dict[str, Any]:
    return check_keys(f"{where}: {handler.type}.parameters", handler.parameters, ("deciders", "profiles", "stageOrder"))
