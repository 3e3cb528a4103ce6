"""The filters of llm-d's router configurations, as filters here.

Plugin types, parameters and defaults are those of llm-d-router 0.9. A saturation detector that a profile names acts as
a filter, whose limit is its threshold times one plus its head-room.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from blis.foundation.checks import check_choice, check_keys, check_number
from blis.foundation.errors import ConfigError
from blis.foundation.words import shown

AFFINITY = "prefix-cache-affinity-filter"
#: Tokens/s that the affinity filter takes a prompt to be computed at, if it is not told.
PEAK_PREFILL_TOKENS_PER_S = 15_928.0
_CONDITIONS = {
    "active-requests": "active_requests",
    "running-requests": "running_requests",
    "waiting-queue": "waiting_queue",
    "kv-cache-utilization": "kv_cache_utilization",
}


def affinity(where: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """`prefix-cache-affinity-filter`: a penalty in tokens, or in time, which is one in tokens at a throughput."""
    source = check_choice(
        f"{where}: {AFFINITY}.ttftSource",
        given.get("ttftSource", "prefillThroughput"),
        ("prefillThroughput", "latencyPredictor"),
    )
    penalty_ms = check_number(f"{where}: maxTTFTPenaltyMs", given.get("maxTTFTPenaltyMs", 18_000.0), 0)
    own: dict[str, Any] = {
        "policy": "prefix-cache-affinity",
        "affinity_threshold": given.get("affinityThreshold", 0.8),
        "exploration_probability": given.get("explorationProbability", 0.0),
    }
    if source == "latencyPredictor":
        return own | {"gate": "predicted", "most_extra_ttft_ms": penalty_ms}
    tokens = given.get("maxTokensInFlightPenalty")
    if tokens is None:
        peak = given.get("peakPrefillThroughput", PEAK_PREFILL_TOKENS_PER_S)
        tokens = check_number(f"{where}: peakPrefillThroughput", peak) * penalty_ms / 1e3
    return own | {"gate": "tokens", "most_extra_tokens": float(tokens)}


def _headroom(where: str, given: Mapping[str, Any]) -> dict[str, Any]:
    return {"policy": "slo-headroom", "exploration_probability": given.get("epsilonExploreNeg", 0.01)}


def _utilization(where: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """`utilization-filter`: conditions that must all hold."""
    own: dict[str, Any] = {
        "policy": "utilization",
        "fallback_on_empty": "yes" if given.get("fallbackOnEmpty", False) else "no",
    }
    conditions = given.get("conditions")
    if not isinstance(conditions, Sequence) or isinstance(conditions, str) or not conditions:
        raise ConfigError(f"{where}: utilization-filter.conditions must be a list; got {shown(conditions)}.")
    for place, condition in enumerate(conditions):
        path = f"{where}: utilization-filter.conditions[{place}]"
        key = "type" if isinstance(condition, Mapping) and "type" in condition else "metric"  # as this program wrote
        entry = check_keys(path, condition, (key, "maxValue"), (key, "maxValue"))
        name = _CONDITIONS[check_choice(f"{path}.{key}", entry[key], _CONDITIONS)]
        limit = check_number(f"{path}.maxValue", entry["maxValue"], 0)
        own[name] = min(limit, own.get(name, limit), 1.0 if name == "kv_cache_utilization" else limit)
    return own


def _utilization_detector(where: str, given: Mapping[str, Any]) -> dict[str, Any]:
    factor = 1.0 + check_number(f"{where}: headroom", given.get("headroom", 0.0), 0)
    queue = check_number(f"{where}: queueDepthThreshold", given.get("queueDepthThreshold", 5), 0)
    share = check_number(f"{where}: kvCacheUtilThreshold", given.get("kvCacheUtilThreshold", 0.8), 0)
    return {
        "policy": "utilization",
        "waiting_queue": min(1e9, queue * factor),
        "kv_cache_utilization": min(1.0, share * factor),
    }


def _concurrency_detector(where: str, given: Mapping[str, Any]) -> dict[str, Any]:
    mode = given.get("concurrencyMode", "requests")
    if mode != "requests":
        raise ConfigError(f"{where}: concurrency-detector as a filter must count requests; got {shown(mode)}.")
    factor = 1.0 + check_number(f"{where}: headroom", given.get("headroom", 0.0), 0)
    most = check_number(f"{where}: maxConcurrency", given.get("maxConcurrency", 100), 0)
    return {"policy": "utilization", "active_requests": most * factor}


def _session(where: str, given: Mapping[str, Any]) -> dict[str, Any]:
    return {"policy": "session-affinity"}


#: Filter by plugin type.
FILTERS = {
    AFFINITY: affinity,
    "slo-headroom-tier-filter": _headroom,
    "utilization-filter": _utilization,
    "session-affinity-filter": _session,
    "utilization-detector": _utilization_detector,
    "concurrency-detector": _concurrency_detector,
}
#: Filters that let everybody pass whom a request may be sent to anyway: those that decode, and serve the model.
PASSING = ("decode-filter", "served-model-filter")


def filtering(where: str, plugins: Sequence[tuple[str, Mapping[str, Any]]]) -> dict[str, Any] | None:
    """The filters of a profile in their order, as an answer to `filtering`; None without any."""
    found = [FILTERS[kind](where, parameters) for kind, parameters in plugins]
    if not found:
        return None
    return found[0] if len(found) == 1 else {"policy": "chain", "filters": found}
