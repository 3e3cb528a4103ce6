"""llm-d's router configurations, EndpointPickerConfig files, as policy bundles: the routing that they say.

Plugin types, parameters and defaults are those of llm-d-router 0.9. What changes where a request goes and has no
counterpart here is refused. Where flow control is on, the bundle answers the gateway's questions as well, and its
lineage tells, as `gateway`, what `cluster.gateway` must be. What is no router's business (producers, admission, and
without flow control detectors) is left out and named in the lineage.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from blis.foundation.checks import check_keys, check_number
from blis.foundation.errors import ConfigError
from blis.foundation.words import shown
from blis.policies import flow_control

KIND = "EndpointPickerConfig"
_KEYS = (
    *("apiVersion", "kind", "featureGates", "plugins", "schedulingProfiles", "flowControl", "saturationDetector"),
    *("dataLayer", "requestHandler"),
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
_LMETRIC, _FILTER = "lmetric-scorer", "prefix-cache-affinity-filter"

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
    "latency-scorer": ("latency-slack", {"headroomSelectionStrategy": "least", "ttftWeight": 0.8, "tpotWeight": 0.2}),
}
PICKERS = {
    "max-score-picker": "largest",
    "weighted-random-picker": "weighted-random",
    "random-picker": "random-of-best",
}
#: Filters that let every instance of a pool without roles pass.
_PASSING = ("decode-filter",)
#: Of a picker that looks at no score.
_ANY_SCORER = "load-balance"
_PEAK_PREFILL_TOKENS_PER_S = 15_928.0


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
    listed = _profile(where, given.get("schedulingProfiles"), plugins)
    for name in listed:
        _check_known(where, name, plugins[name])
    kinds = {name: plugins[name].type for name in listed}
    pickers = [PICKERS[kind] for kind in kinds.values() if kind in PICKERS]
    if len(pickers) > 1:
        raise ConfigError(f"{where}: a profile must have one picker; got {len(pickers)}.")
    picker = pickers[0] if pickers else "largest"
    weights = {name: weight for name, weight in listed.items() if kinds[name] in (*SCORERS, _LMETRIC) and weight > 0}
    filters = [plugins[name] for name, kind in kinds.items() if kind == _FILTER]
    if filters:
        routing = _sticky(where, filters, [kinds[name] for name in weights], picker)
    elif _LMETRIC in (kinds[name] for name in weights):
        if len(weights) > 1 or picker != "largest":
            raise ConfigError(f"{where}: {_LMETRIC} must be alone, with max-score-picker: here it is a router's own.")
        routing = {"policy": "lmetric"}
    else:
        has_approximate = any(plugin.type == "approx-prefix-cache-producer" for plugin in plugins.values())
        named = {_scorer(plugins[name], plugins, has_approximate): weight for name, weight in weights.items()}
        if len(named) < len(weights):
            raise ConfigError(f"{where}: a profile must not score by one signal twice; got {', '.join(weights)}.")
        if not named and picker != "random-of-best":
            raise ConfigError(f"{where}: a profile must have a scorer, or random-picker; got neither.")
        routing = {"policy": "weighted", "scorers": named or {_ANY_SCORER: 1.0}, "picker": picker}
    left_out = [plugin.type for plugin in plugins.values() if plugin.type.endswith(_NOT_ROUTING)]
    if not flow_control.is_on(where, given.get("featureGates")):
        left_out += [key for key in ("flowControl", "saturationDetector", "featureGates") if given.get(key)]
        return {"version": 1, "routing": routing, "lineage": {"source": KIND, "left_out": left_out}}
    queue = flow_control.flow_control(where, given.get("flowControl"), given.get("saturationDetector"), plugins)
    left_out = [kind for kind in left_out if kind not in queue.used]
    lineage = {"source": KIND, "left_out": left_out, "gateway": queue.gateway}
    return {"version": 1, "routing": routing, **queue.policies, "lineage": lineage}


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
        raise ConfigError(f"{where}: schedulingProfiles must be one: prefill and decode are routed together here.")
    own = check_keys(f"{where}: schedulingProfiles[0]", profiles[0], ("name", "plugins"), ("plugins",))
    listed: dict[str, float] = {}
    for place, entry in enumerate(own["plugins"] or ()):
        path = f"{where}: schedulingProfiles[0].plugins[{place}]"
        reference = check_keys(path, entry, ("pluginRef", "weight"), ("pluginRef",))
        name = str(reference["pluginRef"])
        if name not in plugins:
            raise ConfigError(f"{path}.pluginRef must be a listed plugin; got {shown(name)}.")
        weight = reference.get("weight")
        listed[name] = 1.0 if weight is None else check_number(f"{path}.weight", weight, 0.0)
    return listed


def _check_known(where: str, name: str, plugin: _Plugin) -> None:
    """Refuse what routes otherwise than anything here."""
    if plugin.type not in (*SCORERS, *PICKERS, *_PASSING, _LMETRIC, _FILTER):
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


def _sticky(where: str, filters: list[_Plugin], scorers: list[str], picker: str) -> dict[str, Any]:
    """An affinity filter before one scorer of load."""
    loads = {"token-load-scorer": "tokens", "active-request-scorer": "requests"}
    if len(filters) > 1 or len(scorers) != 1 or scorers[0] not in loads or picker != "largest":
        raise ConfigError(
            f"{where}: {_FILTER} must be one, before token-load-scorer or active-request-scorer alone and "
            "max-score-picker: as this program knows it."
        )
    given = dict(filters[0].parameters)
    if (
        given.get("explorationProbability", 0) != 0
        or given.get("ttftSource", "prefillThroughput") != "prefillThroughput"
    ):
        raise ConfigError(f"{where}: {_FILTER} must neither explore nor ask a latency predictor.")
    tokens = given.get("maxTokensInFlightPenalty")
    if tokens is None:
        peak = check_number(
            f"{where}: peakPrefillThroughput", given.get("peakPrefillThroughput", _PEAK_PREFILL_TOKENS_PER_S)
        )
        tokens = peak * check_number(f"{where}: maxTTFTPenaltyMs", given.get("maxTTFTPenaltyMs", 18_000.0)) / 1e3
    return {
        "policy": "sticky-until-saturated",
        "affinity_threshold": given.get("affinityThreshold", 0.8),
        "most_extra_tokens": float(tokens),
        "load": loads[scorers[0]],
    }
