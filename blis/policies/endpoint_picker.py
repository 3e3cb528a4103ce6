"""llm-d's router configurations, EndpointPickerConfig files, as policy bundles: the routing and filters that they say.

Plugin types, parameters and defaults are those of llm-d-router 0.9. What changes where a request goes and has no
counterpart here is refused. Where flow control is on, the bundle answers the gateway's questions as well, and its
lineage tells, as `gateway`, what `cluster.gateway` must be. What is no router's business (producers, and without flow
control detectors) is left out and named in the lineage.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from blis.foundation.checks import check_keys, check_number
from blis.foundation.errors import ConfigError
from blis.foundation.words import shown
from blis.policies import flow_control
from blis.policies.endpoint_picker_admission import ADMITTERS, admission
from blis.policies.endpoint_picker_divided import HANDLERS, ROLE_FILTERS, decider, encode_decider, places_of_stages
from blis.policies.endpoint_picker_filters import AFFINITY, FILTERS, PASSING, affinity, filtering

KIND = "EndpointPickerConfig"
_KEYS = (
    *("apiVersion", "kind", "featureGates", "plugins", "schedulingProfiles", "flowControl", "saturationDetector"),
    *("dataLayer", "requestHandler", "parser"),
)
#: What is left out, by the end of a plugin's type.
_NOT_ROUTING = (
    "-producer",
    "-detector",
    "-policy",
    "-admitter",
    "-decider",
    "-source",
    "-extractor",
    "-handler",
    "-fairness",
)
_PRECISE = "precise-prefix-cache-producer"
_LMETRIC = "lmetric-scorer"

#: Scorer by plugin type, and what its parameters must be, as far as they matter here.
SCORERS: Mapping[str, tuple[str, Mapping[str, object]]] = {
    "prefix-cache-scorer": ("prefix-affinity", {"matchLengthWeight": 0}),
    "precise-prefix-cache-scorer": ("precise-prefix-cache", {}),
    "queue-scorer": ("queue-depth", {}),
    "kv-cache-utilization-scorer": ("kv-utilization", {}),
    "running-requests-size-scorer": ("running-requests", {}),
    "active-request-scorer": ("active-requests", {"idleThreshold": 0, "maxBusyScore": 1}),
    "load-aware-scorer": ("load-aware", {"threshold": 128}),
    "no-hit-lru-scorer": ("no-hit-lru", {}),
    "token-load-scorer": ("token-load", {"queueThresholdTokens": 4_194_304}),
    "session-affinity-scorer": ("session-affinity", {}),
    "context-length-aware": ("context-length", {"enableFiltering": False}),
    "lora-affinity-scorer": ("lora-affinity", {}),
    "latency-scorer": ("latency-slack", {"headroomSelectionStrategy": "least", "ttftWeight": 0.8, "tpotWeight": 0.2}),
}
PICKERS = {
    "max-score-picker": "largest",
    "weighted-random-picker": "weighted-random",
    "random-picker": "random-of-best",
}
#: Of a picker that looks at no score.
_ANY_SCORER = "load-balance"


class _Plugin(NamedTuple):
    type: str
    parameters: Mapping[str, Any]


def is_endpoint_picker(mapping: object) -> bool:
    """Whether a document is such a file."""
    return isinstance(mapping, Mapping) and mapping.get("kind") == KIND


def translated(where: str, mapping: Mapping[str, Any]) -> dict[str, Any]:
    """The document as a bundle of version 1.

    Raises
    ------
    ConfigError
        If a key is unknown, a plugin is listed twice or not at all, or the routing cannot be said here.
    """
    given = check_keys(where, mapping, _KEYS, ("plugins",))
    plugins = _plugins(where, given["plugins"])
    profiles = given.get("schedulingProfiles")
    places = places_of_stages(where, profiles, plugins)
    if places is None:
        listed = _profile(where, profiles, plugins)
        policies = _policies(where, plugins, listed)
    else:
        of_stage = {name: _listed(where, profiles[place], place, plugins) for name, place in places.items()}  # type: ignore[index]
        listed = of_stage["decode"]
        policies = _policies(where, plugins, listed)
        if "prefill" in of_stage:
            policies["disaggregation"] = decider(where, plugins)
            policies["prefill_routing"] = _of_role(where, plugins, of_stage["prefill"], "prefill")
        if "encode" in of_stage:
            policies["encoding"] = encode_decider(where, plugins)
            policies["encode_routing"] = _of_role(where, plugins, of_stage["encode"], "encode")
    used = [name for name in listed if plugins[name].type in FILTERS]
    left_out = [plugin.type for name, plugin in plugins.items() if name not in used]
    left_out = [kind for kind in left_out if kind.endswith(_NOT_ROUTING) and kind not in ADMITTERS]
    admits = admission(where, plugins)
    if admits is not None:
        policies = {"admission": admits, **policies}
    if places is not None:
        left_out = [kind for kind in left_out if not kind.endswith(("-decider", *HANDLERS))]
    lineage: dict[str, Any] = {"source": KIND, "left_out": left_out}
    if flow_control.is_on(where, given.get("featureGates")):
        queue = flow_control.flow_control(where, given.get("flowControl"), given.get("saturationDetector"), plugins)
        lineage["left_out"] = [kind for kind in left_out if kind not in queue.used]
        lineage["gateway"] = queue.gateway
        policies |= queue.policies
    else:
        left_out += [key for key in ("flowControl", "saturationDetector", "featureGates") if given.get(key)]
    return {"version": 1, **policies, "lineage": lineage}


def _policies(where: str, plugins: Mapping[str, "_Plugin"], listed: Mapping[str, float]) -> dict[str, Any]:
    """Routing and filters of a profile."""
    for name in listed:
        _check_known(where, name, plugins[name])
    kinds = {name: plugins[name].type for name in listed}
    pickers = [PICKERS[kind] for kind in kinds.values() if kind in PICKERS]
    if len(pickers) > 1:
        raise ConfigError(f"{where}: a profile must have one picker; got {len(pickers)}.")
    picker = pickers[0] if pickers else "largest"
    weights = {name: weight for name, weight in listed.items() if kinds[name] in (*SCORERS, _LMETRIC) and weight > 0}
    filters = [(kinds[name], plugins[name].parameters) for name in listed if kinds[name] in FILTERS]
    policies = _sticky(where, filters, [kinds[name] for name in weights], picker)
    if policies is None:
        policies = {"routing": _routing(where, plugins, kinds, weights, picker)}
        filters_here = filtering(where, filters)
        if filters_here is not None:
            policies["filtering"] = filters_here
    return policies


def _of_role(where: str, plugins: Mapping[str, "_Plugin"], listed: Mapping[str, float], stage: str) -> dict[str, Any]:
    """The routing of the profile that chooses who has a part alone, which has no filters but that of its role."""
    role = ROLE_FILTERS[stage]
    rest = {name: weight for name, weight in listed.items() if plugins[name].type != role}
    policies = _policies(where, plugins, rest)
    if "filtering" in policies:
        who = "computes prompts" if stage == "prefill" else "encodes"
        raise ConfigError(
            f"{where}: a profile that chooses who {who} must have no filters but {role}; got "
            f"{shown(policies['filtering']['policy'])}."
        )
    chosen: dict[str, Any] = policies["routing"]
    return chosen


def _plugins(where: str, listed: object) -> dict[str, _Plugin]:
    if not isinstance(listed, Sequence) or isinstance(listed, str):
        raise ConfigError(f"{where}: plugins must be a list; got {shown(listed)}.")
    plugins: dict[str, _Plugin] = {}
    for place, entry in enumerate(listed):
        own = check_keys(f"{where}: plugins[{place}]", entry, ("type", "name", "parameters"), ("type",))
        name = str(own.get("name") or own["type"])
        if name in plugins:
            raise ConfigError(f"{where}: plugins[{place}] must have a name of its own; got {shown(name)} twice.")
        plugins[name] = _Plugin(str(own["type"]), own.get("parameters") or {})
    return plugins


def _profile(where: str, profiles: object, plugins: Mapping[str, _Plugin]) -> dict[str, float]:
    """The names of the only profile's plugins, with their weights; without a profile, whatever routes."""
    if not profiles:
        return {name: 1.0 for name, plugin in plugins.items() if not plugin.type.endswith(_NOT_ROUTING)}
    if not isinstance(profiles, Sequence) or len(profiles) != 1:
        raise ConfigError(f"{where}: schedulingProfiles must be a list; got {shown(profiles)}.")
    return _listed(where, profiles[0], 0, plugins)


def _listed(where: str, profile: object, at: int, plugins: Mapping[str, _Plugin]) -> dict[str, float]:
    """The names of a profile's plugins, with their weights."""
    own = check_keys(f"{where}: schedulingProfiles[{at}]", profile, ("name", "plugins"), ("plugins",))
    listed: dict[str, float] = {}
    for place, entry in enumerate(own["plugins"] or ()):
        path = f"{where}: schedulingProfiles[{at}].plugins[{place}]"
        reference = check_keys(path, entry, ("pluginRef", "weight"), ("pluginRef",))
        name = str(reference["pluginRef"])
        if name not in plugins:
            raise ConfigError(f"{path}.pluginRef must be a listed plugin; got {shown(name)}.")
        weight = reference.get("weight")
        listed[name] = 1.0 if weight is None else check_number(f"{path}.weight", weight, 0.0)
    return listed


def _check_known(where: str, name: str, plugin: _Plugin) -> None:
    """Refuse what routes otherwise than anything here."""
    if plugin.type not in (*SCORERS, *PICKERS, *FILTERS, *PASSING, _LMETRIC):
        raise ConfigError(f"{where}: plugin {shown(plugin.type)} routes in a way that this program does not know.")
    for key, wanted in SCORERS.get(plugin.type, ("", {}))[1].items():
        got = plugin.parameters.get(key, wanted)
        if got != wanted:
            raise ConfigError(f"{where}: plugin {shown(name)}: {key} must be {wanted!r}, as here; got {shown(got)}.")


def _scorer(plugin: _Plugin, plugins: Mapping[str, _Plugin], has_approximate: bool) -> str:
    """The scorer of a plugin; that of prefixes has the name of what it scores by."""
    name = SCORERS[plugin.type][0]
    if plugin.type == "prefix-cache-scorer":
        producer = str(plugin.parameters.get("prefixMatchInfoProducerName", ""))
        source = plugins[producer].type if producer in plugins else producer
        is_precise = source == _PRECISE or (not producer and _PRECISE in plugins and not has_approximate)
        return "precise-prefix-cache" if is_precise else name
    return name


def _routing(
    where: str, plugins: Mapping[str, _Plugin], kinds: Mapping[str, str], weights: Mapping[str, float], picker: str
) -> dict[str, Any]:
    """The scorers and the picker of a profile."""
    if _LMETRIC in (kinds[name] for name in weights):
        if len(weights) > 1 or picker != "largest":
            raise ConfigError(f"{where}: {_LMETRIC} must be alone, with max-score-picker: here it is a router's own.")
        return {"policy": "lmetric"}
    has_approximate = any(plugin.type == "approx-prefix-cache-producer" for plugin in plugins.values())
    named = {_scorer(plugins[name], plugins, has_approximate): weight for name, weight in weights.items()}
    if len(named) < len(weights):
        raise ConfigError(f"{where}: a profile must not score by one signal twice; got {', '.join(weights)}.")
    if not named and picker != "random-of-best":
        raise ConfigError(f"{where}: a profile must have a scorer, or random-picker; got neither.")
    return {"policy": "weighted", "scorers": named or {_ANY_SCORER: 1.0}, "picker": picker}


def _sticky(
    where: str, filters: Sequence[tuple[str, Mapping[str, Any]]], scorers: Sequence[str], picker: str
) -> dict[str, Any] | None:
    """The guide's profile, one affinity filter before one scorer of load, as the router that it is; None of others."""
    loads = {"token-load-scorer": "tokens", "active-request-scorer": "requests"}
    if [kind for kind, _ in filters] != [AFFINITY] or len(scorers) != 1 or scorers[0] not in loads:
        return None
    own = affinity(where, filters[0][1])
    if picker != "largest" or own["gate"] != "tokens" or own["exploration_probability"] != 0:
        return None
    routing = {
        "policy": "sticky-until-saturated",
        "affinity_threshold": own["affinity_threshold"],
        "most_extra_tokens": own["most_extra_tokens"],
        "load": loads[scorers[0]],
    }
    return {"routing": routing}
