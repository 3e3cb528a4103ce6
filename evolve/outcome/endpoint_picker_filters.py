"""A champion's filters as plugins of llm-d's router, in the order in which they are asked."""

from collections.abc import Mapping
from typing import Any

_AFFINITY_PRODUCERS = ({"type": "approx-prefix-cache-producer"}, {"type": "inflight-load-producer"})
_PREDICTED = "predicted-latency-producer"
_CONDITIONS = {
    "kv_cache_utilization": ("kv-cache-utilization", 1.0),
    "waiting_queue": ("waiting-queue", 1e9),
    "running_requests": ("running-requests", 1e9),
    "active_requests": ("active-requests", 1e9),
}


def filter_plugins(filtering: Mapping[str, Any]) -> list[tuple[Mapping[str, Any], ...]] | str:
    """The plugins of each filter, its own last and what feeds it before; or why it cannot be said.

    Parameters
    ----------
    filtering : mapping
        The answer to the question, with its parameters, as a bundle has it.
    """
    name = filtering["policy"]
    if name == "none":
        return []
    listed = filtering["filters"] if name == "chain" else [filtering]
    found = []
    for place, choice in enumerate(listed):
        one = {"policy": choice} if isinstance(choice, str) else dict(choice)
        if one["policy"] == "none":
            continue
        plugins = _plugins(one)
        if plugins is None:
            return f"it has no filter for {one['policy']!r}."
        *producers, own = plugins
        found.append((*producers, {**own, "name": f"filter-{place + 1}"} if len(listed) > 1 else own))
    return found


def _plugins(one: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...] | None:
    if one["policy"] == "prefix-cache-affinity":
        return _affinity(one)
    if one["policy"] == "slo-headroom":
        parameters = {"epsilonExploreNeg": one.get("exploration_probability", 0.01)}
        return {"type": _PREDICTED}, {"type": "slo-headroom-tier-filter", "parameters": parameters}
    if one["policy"] == "session-affinity":
        return ({"type": "session-affinity-filter"},)
    if one["policy"] == "by-role" and one.get("role", "decode") == "decode":
        return ({"type": "decode-filter"},)
    if one["policy"] == "kv-threshold":
        return _utilization([("kv-cache-utilization", one.get("most_used_share", 0.8))], True)
    if one["policy"] == "queue-threshold":
        return _utilization([("waiting-queue", one.get("most_waiting", 5.0))], True)
    if one["policy"] == "utilization":
        limits = [(kind, one.get(key, free)) for key, (kind, free) in _CONDITIONS.items() if one.get(key, free) < free]
        return _utilization(limits or [("kv-cache-utilization", 1.0)], one.get("fallback_on_empty", "no") == "yes")
    return None


def _affinity(one: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    parameters = {
        "affinityThreshold": one.get("affinity_threshold", 0.8),
        "explorationProbability": one.get("exploration_probability", 0.0),
    }
    if one.get("gate", "tokens") == "predicted":
        parameters |= {"ttftSource": "latencyPredictor", "maxTTFTPenaltyMs": one.get("most_extra_ttft_ms", 18_000.0)}
        return _AFFINITY_PRODUCERS[0], {"type": _PREDICTED}, _own(parameters)
    tokens = one.get("most_extra_tokens", 286_720.0)
    return *_AFFINITY_PRODUCERS, _own(parameters | {"maxTokensInFlightPenalty": round(tokens), "maxTTFTPenaltyMs": 0})


def _own(parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"type": "prefix-cache-affinity-filter", "parameters": dict(parameters)}


def _utilization(limits: list[tuple[str, float]], falls_back: bool) -> tuple[Mapping[str, Any], ...]:
    conditions = [{"type": kind, "maxValue": limit} for kind, limit in limits]
    return ({"type": "utilization-filter", "parameters": {"conditions": conditions, "fallbackOnEmpty": falls_back}},)
