"""A strict reader of EndpointPickerConfig: what llm-d's router would not start with is refused, and so is any typo.

Stricter than the router in one thing: plugins that decode their parameters leniently there are checked like the others.

Source: llm-d-router 0.9, `apix/config/v1alpha1/endpointpickerconfig_types.go`, and the loader's defaults.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from blis.foundation.checks import check_choice, check_flag, check_int, check_keys, check_number
from blis.foundation.errors import ConfigError
from blis.foundation.words import shown
from evolve.exchange.llm_d.plugins import (
    DECIDERS,
    DETECTORS,
    FAIRNESS,
    IN_PROFILES,
    ORDERING,
    PICKERS,
    PLUGINS,
    SCORERS,
    USAGE_LIMITS,
    Kind,
)

KIND = "EndpointPickerConfig"
VERSIONS = ("inference.networking.x-k8s.io/v1alpha1", "llm-d.ai/v1alpha1", "llm-d.ai/v1")
GATES = ("flowControl", "dataLayer", "prepareDataPlugins")
_METRICS = ("active-requests", "running-requests", "waiting-queue", "kv-cache-utilization")
_QUANTITY = re.compile(r"\d+(\.\d+)?(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?")
_DURATION = re.compile(r"0|(\d+(\.\d*)?(ns|us|µs|ms|s|m|h))+")
_BAND_KEYS = ("priority", "maxBytes", "maxRequests", "fairnessPolicyRef", "orderingPolicyRef")
_HANDLERS = ("single-profile-handler", "disagg-profile-handler", "pd-profile-handler", "data-parallel-profile-handler")

Plugins = Mapping[str, str]  # name -> type


def check_document(where: str, document: object) -> dict[str, Any]:
    """The document, if llm-d's router would take it.

    Raises
    ------
    ConfigError
        If a key, plugin, parameter or reference is unknown, absent, of another kind or out of its range.
    """
    given = check_keys(
        where, document,
        ("apiVersion", "kind", "featureGates", "plugins", "schedulingProfiles", "dataLayer", "flowControl",
         "requestHandler", "saturationDetector", "parser"),
        ("apiVersion", "kind", "plugins"),
    )  # fmt: skip
    check_choice(f"{where}: kind", given["kind"], (KIND,))
    check_choice(f"{where}: apiVersion", given["apiVersion"], VERSIONS)
    for place, gate in enumerate(_listed(f"{where}: featureGates", given.get("featureGates"))):
        name, equals, value = str(gate).partition("=")
        check_choice(f"{where}: featureGates[{place}]", name, GATES)
        if equals:
            check_choice(f"{where}: featureGates[{place}]", value, ("true", "false"))
    plugins = _plugins(where, given["plugins"])
    _profiles(where, given.get("schedulingProfiles"), plugins)
    _handlers(where, given["plugins"], plugins)
    if given.get("flowControl") is not None:
        _flow_control(f"{where}: flowControl", given["flowControl"], plugins)
    if given.get("saturationDetector") is not None:
        _detector(f"{where}: saturationDetector", given["saturationDetector"], plugins)
    if given.get("dataLayer") is not None:
        _data_layer(f"{where}: dataLayer", given["dataLayer"], plugins)
    _parsers(where, given, plugins)
    return given


def _listed(where: str, value: object) -> Sequence[Any]:
    """A list; nothing counts as an empty one."""
    if value is None:
        return ()
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise ConfigError(f"{where} must be a list; got {shown(value)}.")
    return value


def _plugins(where: str, listed: object) -> dict[str, str]:
    found: dict[str, str] = {}
    for place, entry in enumerate(_listed(f"{where}: plugins", listed)):
        path = f"{where}: plugins[{place}]"
        own = check_keys(path, entry, ("type", "name", "parameters"), ("type",))
        kind = check_choice(f"{path}.type", own["type"], PLUGINS)
        name = own.get("name")
        if name is not None and (not isinstance(name, str) or not name):
            raise ConfigError(f"{path}.name must be a text; got {shown(name)}.")
        if (name or kind) in found:
            raise ConfigError(f"{path} must have a name of its own; got {shown(name or kind)} twice.")
        found[name or kind] = kind
        if own.get("parameters") is not None:
            _parameters(f"{path}.parameters", own["parameters"], PLUGINS[kind])
    return found


def _parameters(where: str, given: object, kinds: Mapping[str, Kind]) -> None:
    for key, value in check_keys(where, given, kinds).items():
        _value(f"{where}.{key}", value, kinds[key])


def _value(where: str, value: object, kind: Kind) -> None:
    """Refuse a value of another kind, or out of its range."""
    checks: Mapping[str, Callable[[], object]] = {
        "int": lambda: _whole(where, value, kind),
        "number": lambda: check_number(where, value, kind.least, kind.most, above=kind.above),
        "bool": lambda: check_flag(where, value),
        "text": lambda: _text(where, value, kind.choices),
        "duration": lambda: _matched(where, value, _DURATION, "a duration such as '200ms'"),
        "mapping": lambda: _of_type(where, value, Mapping, "a mapping"),
        "list": lambda: _listed(where, value),
        "conditions": lambda: _conditions(where, value),
    }
    checks[kind.form]()


def _whole(where: str, value: object, kind: Kind) -> None:
    if isinstance(value, float):  # which Go's decoder refuses, 5.0 included
        raise ConfigError(f"{where} must be written as a whole number; got {value!r}.")
    check_int(where, value, None if kind.least is None else int(kind.least))


def _text(where: str, value: object, choices: tuple[str, ...]) -> None:
    if choices:
        check_choice(where, value, choices)
    else:
        _of_type(where, value, str, "a text")


def _of_type(where: str, value: object, of: type, words: str) -> None:
    if not isinstance(value, of):
        raise ConfigError(f"{where} must be {words}; got {shown(value)}.")


def _matched(where: str, value: object, pattern: re.Pattern[str], words: str) -> None:
    if isinstance(value, bool) or not isinstance(value, str | int) or pattern.fullmatch(str(value)) is None:
        raise ConfigError(f"{where} must be {words}; got {shown(value)}.")


def _conditions(where: str, value: object) -> None:
    listed = _listed(where, value)
    if not listed:
        raise ConfigError(f"{where} must be a list of at least one; got {shown(value)}.")
    for place, entry in enumerate(listed):
        own = check_keys(f"{where}[{place}]", entry, ("metric", "maxValue"), ("metric", "maxValue"))
        metric = check_choice(f"{where}[{place}].metric", own["metric"], _METRICS)
        most = 1.0 if metric == "kv-cache-utilization" else None
        check_number(f"{where}[{place}].maxValue", own["maxValue"], 0.0, most)


def _reference(where: str, name: object, plugins: Plugins, kinds: Sequence[str], defaults: bool = False) -> str:
    """The type of the plugin that is named; with defaults a type that nobody has listed will do."""
    if isinstance(name, str) and name in plugins:
        return check_choice(f"{where} (the plugin {name!r})", plugins[name], kinds)
    if defaults and isinstance(name, str) and name in kinds:
        return name
    raise ConfigError(f"{where} must be the name of a plugin of the file; got {shown(name)}.")


def _profiles(where: str, listed: object, plugins: Plugins) -> None:
    names: list[str] = []
    for place, profile in enumerate(_listed(f"{where}: schedulingProfiles", listed)):
        path = f"{where}: schedulingProfiles[{place}]"
        own = check_keys(path, profile, ("name", "plugins"), ("name", "plugins"))
        _of_type(f"{path}.name", own["name"], str, "a text")
        if own["name"] in names:
            raise ConfigError(f"{path}.name must be given once; got {shown(own['name'])} twice.")
        names.append(own["name"])
        pickers = 0
        for at, entry in enumerate(_listed(f"{path}.plugins", own["plugins"])):
            reference = check_keys(f"{path}.plugins[{at}]", entry, ("pluginRef", "weight"), ("pluginRef",))
            kind = _reference(f"{path}.plugins[{at}].pluginRef", reference["pluginRef"], plugins, IN_PROFILES)
            pickers += kind in PICKERS
            if reference.get("weight") is not None:
                check_number(f"{path}.plugins[{at}].weight", reference["weight"], 0.0)
                check_choice(f"{path}.plugins[{at}].weight: the type of what is weighted", kind, SCORERS)
        if pickers > 1:
            raise ConfigError(f"{path}.plugins must hold one picker; got {pickers}.")


def _handlers(where: str, listed: Sequence[Any], plugins: Plugins) -> None:
    """One handler of profiles at most, whose deciders are plugins."""
    found = [entry for entry in listed if entry["type"] in _HANDLERS]
    if len(found) > 1:
        raise ConfigError(f"{where}: plugins must hold one handler of profiles; got {len(found)}.")
    for entry in found:
        given = (entry.get("parameters") or {}).get("deciders") or {}
        deciders = check_keys(f"{where}: {entry['type']}.deciders", given, ("prefill", "encode"))
        for stage, name in deciders.items():
            _reference(f"{where}: {entry['type']}.deciders.{stage}", name, plugins, tuple(DECIDERS))


def _detector(where: str, given: object, plugins: Plugins) -> None:
    own = check_keys(where, given, ("pluginRef",))
    if own.get("pluginRef") is not None:
        _reference(f"{where}.pluginRef", own["pluginRef"], plugins, tuple(DETECTORS), defaults=True)


def _flow_control(where: str, given: object, plugins: Plugins) -> None:
    own = check_keys(
        where, given,
        ("maxBytes", "maxRequests", "defaultRequestTTL", "noEndpointRequestTTL", "defaultPriorityBand",
         "defaultNegativePriorityBand", "priorityBands", "usageLimitPolicyPluginRef", "saturationDetector",
         "enableEviction"),
    )  # fmt: skip
    for key in ("maxBytes", "maxRequests"):
        if own.get(key) is not None:
            _matched(f"{where}.{key}", own[key], _QUANTITY, "a quantity such as 500 or '1k'")
    for key in ("defaultRequestTTL", "noEndpointRequestTTL"):
        if own.get(key) is not None:
            _matched(f"{where}.{key}", own[key], _DURATION, "a duration such as '60s'")
    if own.get("enableEviction") is not None:
        check_flag(f"{where}.enableEviction", own["enableEviction"])
    if own.get("saturationDetector") is not None:
        _detector(f"{where}.saturationDetector", own["saturationDetector"], plugins)
    if own.get("usageLimitPolicyPluginRef") is not None:
        path = f"{where}.usageLimitPolicyPluginRef"
        _reference(path, own["usageLimitPolicyPluginRef"], plugins, tuple(USAGE_LIMITS), defaults=True)
    for key in ("defaultPriorityBand", "defaultNegativePriorityBand"):
        if own.get(key) is not None:
            _band(f"{where}.{key}", own[key], plugins, ())
    priorities: list[int] = []
    for place, band in enumerate(_listed(f"{where}.priorityBands", own.get("priorityBands"))):
        priority = _band(f"{where}.priorityBands[{place}]", band, plugins, ("priority",))
        if priority in priorities:
            raise ConfigError(f"{where}.priorityBands[{place}].priority must be given once; got {priority} twice.")
        priorities.append(priority)


def _band(where: str, given: object, plugins: Plugins, required: Sequence[str]) -> int:
    own = check_keys(where, given, _BAND_KEYS, required)
    for key in ("maxBytes", "maxRequests"):
        if own.get(key) is not None:
            _matched(f"{where}.{key}", own[key], _QUANTITY, "a quantity such as 500 or '1k'")
    for key, kinds in (("fairnessPolicyRef", FAIRNESS), ("orderingPolicyRef", ORDERING)):
        if own.get(key) is not None:
            _reference(f"{where}.{key}", own[key], plugins, tuple(kinds), defaults=True)
    return check_int(f"{where}.priority", own.get("priority", 0))


def _data_layer(where: str, given: object, plugins: Plugins) -> None:
    own = check_keys(
        where, given,
        ("injectDefaults", "sources", "discovery", "peerDiscovery", "crossReplicaSyncerPluginRef",
         "crossReplicaSyncInterval"),
    )  # fmt: skip
    if own.get("injectDefaults") is not None:
        check_flag(f"{where}.injectDefaults", own["injectDefaults"])
    for place, source in enumerate(_listed(f"{where}.sources", own.get("sources"))):
        path = f"{where}.sources[{place}]"
        entry = check_keys(path, source, ("pluginRef", "extractors"), ("pluginRef",))
        _reference(f"{path}.pluginRef", entry["pluginRef"], plugins, tuple(PLUGINS))
        for at, extractor in enumerate(_listed(f"{path}.extractors", entry.get("extractors"))):
            named = check_keys(f"{path}.extractors[{at}]", extractor, ("pluginRef",), ("pluginRef",))
            _reference(f"{path}.extractors[{at}].pluginRef", named["pluginRef"], plugins, tuple(PLUGINS))
    for key in ("discovery", "peerDiscovery"):
        if own.get(key) is not None:
            named = check_keys(f"{where}.{key}", own[key], ("pluginRef",), ("pluginRef",))
            _reference(f"{where}.{key}.pluginRef", named["pluginRef"], plugins, tuple(PLUGINS))


def _parsers(where: str, given: Mapping[str, Any], plugins: Plugins) -> None:
    handler = check_keys(f"{where}: requestHandler", given.get("requestHandler") or {}, ("parsers",))
    listed = [*_listed(f"{where}: requestHandler.parsers", handler.get("parsers"))]
    for parser in [*listed, *([given["parser"]] if given.get("parser") is not None else [])]:
        own = check_keys(f"{where}: requestHandler.parsers", parser, ("pluginRef",), ("pluginRef",))
        _reference(f"{where}: requestHandler.parsers", own["pluginRef"], plugins, ("openai-parser",), defaults=True)
