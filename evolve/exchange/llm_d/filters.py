"""A champion's filters as plugins of llm-d's router, in the order in which they are asked."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from evolve.exchange import APPROXIMATE, EXACT, MISSING, Signal
from evolve.exchange.llm_d.scorers import AFFINITY_FILTER, PREDICTED, Plugins

_AFFINITY_PRODUCERS = ({"type": "approx-prefix-cache-producer"}, {"type": "inflight-load-producer"})
_CONDITIONS = {
    "kv_cache_utilization": ("kv-cache-utilization", 1.0),
    "waiting_queue": ("waiting-queue", 1e9),
    "running_requests": ("running-requests", 1e9),
    "active_requests": ("active-requests", 1e9),
}
_IN_BLOCKS = "prompts are matched in blocks of 64 tokens or more there, here in KV blocks"
_LEARNED = "latency is predicted by a learned model there, by the engines' prices here"


class Filter(NamedTuple):
    """One filter; no plugins where there is none like it."""

    plugins: Plugins
    signal: Signal


def filters(filtering: Mapping[str, Any]) -> list[Filter]:
    """Each filter of the answer to the question, with its parameters, as a bundle has it."""
    name = filtering["policy"]
    listed = filtering["filters"] if name == "chain" else [filtering]
    found = []
    for place, choice in enumerate(listed):
        one = {"policy": choice} if isinstance(choice, str) else dict(choice)
        if one["policy"] == "none":
            continue
        plugins, why = _plugins(one)
        if not plugins:
            signal = Signal("filtering", one["policy"], MISSING, why=f"it has no filter for {one['policy']!r}")
        else:
            grade = APPROXIMATE if why else EXACT
            signal = Signal("filtering", one["policy"], grade, str(plugins[-1]["type"]), why)
            if len(listed) > 1:
                plugins = (*plugins[:-1], {**plugins[-1], "name": f"filter-{place + 1}"})
        found.append(Filter(plugins, signal))
    return found


def _plugins(one: Mapping[str, Any]) -> tuple[Plugins, str]:
    """The plugins, and in what they differ; none where there are none."""
    kind = one["policy"]
    if kind == "prefix-cache-affinity":
        return _affinity(one)
    if kind == "slo-headroom":
        parameters = {"epsilonExploreNeg": one.get("exploration_probability", 0.01)}
        return ({"type": PREDICTED}, {"type": "slo-headroom-tier-filter", "parameters": parameters}), _LEARNED
    if kind == "session-affinity":
        return ({"type": "session-affinity-filter"},), ""
    if kind == "by-role" and one.get("role", "decode") == "decode":
        return ({"type": "decode-filter"},), ""
    if kind == "kv-threshold":
        return _utilization([("kv-cache-utilization", one.get("most_used_share", 0.8))], True), ""
    if kind == "queue-threshold":
        return _utilization([("waiting-queue", one.get("most_waiting", 5.0))], True), ""
    if kind == "utilization":
        limits = [(name, one.get(key, free)) for key, (name, free) in _CONDITIONS.items() if one.get(key, free) < free]
        falls_back = one.get("fallback_on_empty", "no") == "yes"
        return _utilization(limits or [("kv-cache-utilization", 1.0)], falls_back), ""
    return (), ""


def _affinity(one: Mapping[str, Any]) -> tuple[Plugins, str]:
    parameters = {
        "affinityThreshold": one.get("affinity_threshold", 0.8),
        "explorationProbability": one.get("exploration_probability", 0.0),
    }
    if one.get("gate", "tokens") == "predicted":
        parameters |= {"ttftSource": "latencyPredictor", "maxTTFTPenaltyMs": one.get("most_extra_ttft_ms", 18_000.0)}
        return (_AFFINITY_PRODUCERS[0], {"type": PREDICTED}, _own(parameters)), f"{_IN_BLOCKS}; {_LEARNED}"
    tokens = one.get("most_extra_tokens", 286_720.0)
    parameters |= {"maxTokensInFlightPenalty": round(tokens), "maxTTFTPenaltyMs": 0}
    return (*_AFFINITY_PRODUCERS, _own(parameters)), _IN_BLOCKS


def _own(parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"type": AFFINITY_FILTER, "parameters": dict(parameters)}


def _utilization(limits: list[tuple[str, float]], falls_back: bool) -> Plugins:
    conditions = [{"metric": metric, "maxValue": limit} for metric, limit in limits]
    own = {"type": "utilization-filter", "parameters": {"conditions": conditions, "fallbackOnEmpty": falls_back}}
    counts = any(metric == "active-requests" for metric, _ in limits)
    return ({"type": "inflight-load-producer"}, own) if counts else (own,)
