"""llm-d's flow control, as a router's configuration says it: the gateway's policies, and the limits of its queue.

Types, parameters and defaults are those of llm-d-router 0.9. Only what its feature gate switches on counts. The limits
are the cluster's, not the policies', so they are handed out as the mapping that `cluster.gateway` takes.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from blis.foundation.checks import check_flag, check_int, check_keys, check_number
from blis.foundation.errors import ConfigError
from blis.foundation.words import shown

GATE = "flowControl"
_KEYS = (
    *("maxBytes", "maxRequests", "defaultRequestTTL", "noEndpointRequestTTL", "defaultPriorityBand"),
    *("defaultNegativePriorityBand", "priorityBands", "usageLimitPolicyPluginRef", "saturationDetector"),
    "enableEviction",
)
_BAND_KEYS = ("priority", "maxBytes", "maxRequests", "fairnessPolicyRef", "orderingPolicyRef")
#: Classes that stand for bands below priority 0, the more urgent first, by how many there are.
_NEGATIVE = {1: ("sheddable",), 2: ("batch", "sheddable"), 3: ("batch", "sheddable", "background")}
_DEFAULT_TTL = "60s"
_UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
_MS = {"ms": 1.0, "s": 1e3, "m": 60e3, "h": 3600e3, "us": 1e-3}
_QUANTITY = re.compile(r"(\d+)(Ki|Mi|Gi|k|M|G)?")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|us|h|m|s)")


class _Meaning(NamedTuple):
    """A policy here, and parameter by parameter there; a parameter of None is ignored."""

    policy: str
    parameters: Mapping[str, str | None]


#: Policies by question and plugin type.
PLUGINS: Mapping[str, Mapping[str, _Meaning]] = {
    "saturation": {
        "utilization-detector": _Meaning(
            "utilization",
            {
                "queueDepthThreshold": "queue_depth_threshold", "kvCacheUtilThreshold": "kv_cache_util_threshold",
                "metricsStalenessThreshold": "staleness_ms", "headroom": None,
            },
        ),
        "concurrency-detector": _Meaning(
            "concurrency",
            {
                "concurrencyMode": "mode", "maxConcurrency": "max_concurrency",
                "maxTokenConcurrency": "max_token_concurrency", "headroom": None,
            },
        ),
    },
    "fairness": {
        "global-strict-fairness-policy": _Meaning("strict", {}),
        "round-robin-fairness-policy": _Meaning("round-robin", {}),
        "program-aware-fairness": _Meaning(
            "least-attained",
            {
                "strategy": None, "weightService": "service_weight", "weightServiceHeadWait": "wait_weight",
                "serviceHalfLifeSeconds": "half_life_s",
            },
        ),
    },
    "queue_order": {
        "fcfs-ordering-policy": _Meaning("fcfs", {}),
        "edf-ordering-policy": _Meaning("edf", {}),
        "slo-deadline-ordering-policy": _Meaning("slo-deadline", {}),
    },
    "ceiling": {
        "static-usage-limit-policy": _Meaning("static", {"threshold": "threshold"}),
        "priority-holdback-policy": _Meaning(
            "priority-holdback", {"minCeiling": "min_ceiling", "maxCeiling": "max_ceiling", "domain": "domain"}
        ),
        "soft-reflective-ceiling-policy": _Meaning("soft-reflective", {}),
    },
}  # fmt: skip
_DEFAULTS = {
    "saturation": "utilization-detector",
    "fairness": "global-strict-fairness-policy",
    "queue_order": "fcfs-ordering-policy",
    "ceiling": "static-usage-limit-policy",
}


class FlowControl(NamedTuple):
    """What a configuration says of the gateway."""

    policies: dict[str, dict[str, Any]]  #: by question
    gateway: dict[str, Any]  #: for `cluster.gateway`
    used: frozenset[str]  #: plugin types that have been translated


def is_on(where: str, gates: object) -> bool:
    """Whether the feature gate is open: `flowControl`, or `flowControl=true`."""
    if gates is None:
        return False
    if not isinstance(gates, Sequence) or isinstance(gates, str):
        raise ConfigError(f"{where}: featureGates must be a list; got {shown(gates)}.")
    return any(str(gate) in (GATE, f"{GATE}=true") for gate in gates)


def flow_control(
    where: str, given: object, deprecated_detector: object, plugins: Mapping[str, tuple[str, Mapping[str, Any]]]
) -> FlowControl:
    """The gateway that a configuration describes.

    Parameters
    ----------
    where : str
        Path of the document, for messages.
    given : mapping or None
        Its flowControl section.
    deprecated_detector : mapping or None
        Its saturationDetector section, which counts where flowControl has none.
    plugins : mapping of name to (type, parameters)

    Raises
    ------
    ConfigError
        If a key or a plugin is unknown, or bands differ in their policies.
    """
    at = f"{where}: flowControl"
    own = check_keys(at, {} if given is None else given, _KEYS)
    evicts = own.get("enableEviction") is not None and check_flag(f"{at}.enableEviction", own["enableEviction"])
    detector = own.get("saturationDetector") or deprecated_detector or {}
    detector = check_keys(f"{at}.saturationDetector", detector, ("pluginRef",))
    bands = _bands(at, own)
    chosen = {
        "saturation": detector.get("pluginRef"),
        "fairness": _shared(at, [*bands, *_defaults(at, own)], "fairnessPolicyRef"),
        "queue_order": _shared(at, [*bands, *_defaults(at, own)], "orderingPolicyRef"),
        "ceiling": own.get("usageLimitPolicyPluginRef"),
    }
    kinds = {name: kind for name, (kind, _) in plugins.items()}
    references = {question: str(name or _DEFAULTS[question]) for question, name in chosen.items()}
    policies = {question: _policy(at, question, name, plugins) for question, name in references.items()}
    ttl_ms = _duration_ms(f"{at}.defaultRequestTTL", own.get("defaultRequestTTL", _DEFAULT_TTL))
    gateway: dict[str, Any] = {
        "capacity_requests": _quantity(f"{at}.maxRequests", own.get("maxRequests")),
        "ttl_ms": ttl_ms or None,
        "bands": _capacities(at, bands),
        "evict_running": evicts,
    }
    used = frozenset(kinds.get(name, name) for name in references.values())
    return FlowControl(policies, {key: value for key, value in gateway.items() if value}, used)


def _policy(
    where: str, question: str, name: str, plugins: Mapping[str, tuple[str, Mapping[str, Any]]]
) -> dict[str, Any]:
    kind, parameters = plugins.get(name, (name, {}))
    if kind not in PLUGINS[question]:
        raise ConfigError(f"{where}: {question} must be one of {', '.join(PLUGINS[question])}; got {shown(kind)}.")
    meaning = PLUGINS[question][kind]
    given = check_keys(f"{where}: plugin {shown(name)}", parameters, meaning.parameters)
    if given.get("strategy") not in (None, "las"):
        raise ConfigError(
            f"{where}: plugin {shown(name)}: strategy must be 'las', as here; got {shown(given['strategy'])}."
        )
    policy: dict[str, Any] = {"policy": meaning.policy}
    for there, value in given.items():
        here = meaning.parameters[there]
        if here is not None and value is not None:
            is_time = here.endswith("_ms")
            policy[here] = _duration_ms(f"{where}: plugin {shown(name)}: {there}", value) if is_time else value
    return policy


def _bands(where: str, own: Mapping[str, Any]) -> list[dict[str, Any]]:
    listed = own.get("priorityBands") or ()
    if not isinstance(listed, Sequence) or isinstance(listed, str):
        raise ConfigError(f"{where}.priorityBands must be a list; got {shown(listed)}.")
    bands = [
        check_keys(f"{where}.priorityBands[{place}]", band, _BAND_KEYS, ("priority",))
        for place, band in enumerate(listed)
    ]
    for place, band in enumerate(bands):
        band["priority"] = check_int(f"{where}.priorityBands[{place}].priority", band["priority"])
    return sorted(bands, key=lambda band: -band["priority"])


def _defaults(where: str, own: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What bands are like that are not listed, as far as it is said."""
    keys = ("defaultPriorityBand", "defaultNegativePriorityBand")
    return [check_keys(f"{where}.{key}", own[key], _BAND_KEYS) for key in keys if own.get(key)]


def _shared(where: str, bands: list[dict[str, Any]], key: str) -> str | None:
    """What all bands name; here they have one policy."""
    named = {band.get(key) for band in bands}
    if len(named) > 1:
        raise ConfigError(
            f"{where}.priorityBands: {key} must be the same in all bands; got {', '.join(map(str, named))}."
        )
    return named.pop() if named else None


def _capacities(where: str, bands: list[dict[str, Any]]) -> dict[str, int]:
    """Capacity by class: above 0 critical, at 0 standard, below it what may be shed."""
    by_sign: dict[int, list[int | None]] = {1: [], 0: [], -1: []}
    for place, band in enumerate(bands):
        most = _quantity(f"{where}.priorityBands[{place}].maxRequests", band.get("maxRequests"))
        by_sign[(band["priority"] > 0) - (band["priority"] < 0)].append(most or 5000)
    above, level, below = by_sign[1], by_sign[0], by_sign[-1]
    if len(above) > 1 or len(level) > 1 or len(below) > len(_NEGATIVE):
        raise ConfigError(
            f"{where}.priorityBands must be at most one above priority 0, one at it and {len(_NEGATIVE)} below, for "
            f"which there are classes; got {len(above)}, {len(level)} and {len(below)}."
        )
    names = (*("critical",) * len(above), *("standard",) * len(level), *_NEGATIVE.get(len(below), ()))
    return {name: most for name, most in zip(names, (*above, *level, *below), strict=True) if most is not None}


def _quantity(where: str, value: object) -> int | None:
    """A Kubernetes quantity as a whole number; None if it is absent or 0, which is without a limit."""
    if value is None:
        return None
    found = _QUANTITY.fullmatch(str(value))
    if found is None:
        raise ConfigError(f"{where} must be a quantity such as 500 or '1k'; got {shown(value)}.")
    return int(found[1]) * _UNITS[found[2] or ""] or None


def _duration_ms(where: str, value: object) -> float:
    """A Go duration such as '1m30s' in milliseconds; a number is one of seconds."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return check_number(where, value, 0.0, unit="s") * 1e3
    parts = _DURATION.findall(str(value))
    if not parts or "".join(number + unit for number, unit in parts) != str(value):
        raise ConfigError(f"{where} must be a duration such as '60s'; got {shown(value)}.")
    return sum(float(number) * _MS[unit] for number, unit in parts)
