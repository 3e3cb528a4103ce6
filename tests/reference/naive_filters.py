"""This file finds the instances that a request may be sent to: those that serve its model, and that filters keep."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from tests.reference.naive_request import Request
from tests.reference.naive_scorers import Signals
from tests.reference.naive_targets import NEVER_US

Keeps = Callable[[Request, list[Signals], Mapping[str, Any]], list[Signals]]


def serving(case: dict[str, Any], request: Request, signals: list[Signals]) -> list[Signals]:
    """Those whose model the request asks for; whoever asks for none is served by all."""
    lora = case.get("lora")
    if lora and any(lora["slots"]) and request.adapter is not None:
        signals = [one for one in signals if lora["slots"][one.index] > 0]
    models = case.get("models")
    if models is None or request.model is None:
        return signals
    return [one for one in signals if models[one.index] == request.model]


def filtered(filters: list[dict[str, Any]], request: Request, signals: list[Signals]) -> list[Signals]:
    """Who is left after one filter after another."""
    for one in filters:
        if signals:
            signals = FILTERS[one["policy"]](request, signals, one)
    return signals


def _or_all(kept: list[Signals], signals: list[Signals]) -> list[Signals]:
    return kept or signals


def _is_below(one: Signals, given: Mapping[str, Any]) -> bool:
    return (
        one.used <= given.get("kv_cache_utilization", 1.0) * one.total
        and one.queued <= given.get("waiting_queue", 1e9)
        and one.running <= given.get("running_requests", 1e9)
        and one.in_flight <= given.get("active_requests", 1e9)
    )


def _utilization(request: Request, signals: list[Signals], given: Mapping[str, Any]) -> list[Signals]:
    kept = [one for one in signals if _is_below(one, given)]
    return _or_all(kept, signals) if given.get("fallback_on_empty") == "yes" else kept


def _affinity(request: Request, signals: list[Signals], given: Mapping[str, Any]) -> list[Signals]:
    """Those that hold most of the prompt, unless all of them have far more ahead than somebody else."""
    least = given["affinity_threshold"] * len(request.prompt_keys) if request.prompt_keys else 1.0
    held = [one for one in signals if one.kept.sent >= least]
    others = [one for one in signals if one.kept.sent < least]
    if given["gate"] == "tokens":
        ahead, extra = [one.kept.tokens for one in held], given["most_extra_tokens"]
        elsewhere = [one.kept.tokens for one in others]
    else:
        ahead, extra = [one.kept.ttft_us for one in held], given["most_extra_ttft_ms"] * 1000
        elsewhere = [one.kept.ttft_us for one in others]
    is_too_late = bool(held and others and 0 < extra < min(ahead) - min(elsewhere))
    return signals if is_too_late else _or_all(held, signals)


def _headroom(request: Request, signals: list[Signals], given: Mapping[str, Any]) -> list[Signals]:
    """Those that are expected to keep both targets, or, if it always explores, the others."""
    ttft_us = request.ttft_target_us if request.ttft_target_us < NEVER_US else 0
    itl_us = request.itl_target_us if request.itl_target_us < NEVER_US else math.inf
    keeps = [one.kept.ttft_us <= ttft_us and one.kept.itl_us <= itl_us for one in signals]
    if all(keeps) or not any(keeps):
        return signals
    wanted = given["exploration_probability"] == 0
    return [one for one, is_kept in zip(signals, keeps, strict=True) if is_kept == wanted]


def _adapter(request: Request, signals: list[Signals], given: Mapping[str, Any]) -> list[Signals]:
    """Those that use the adapter, or, if it never keeps to them, those with a free slot."""
    if request.adapter is None:
        return signals
    using = [one for one in signals if request.adapter in one.running_adapters | one.waiting_adapters]
    free = [
        one for one in signals if one not in using and len(one.running_adapters) + len(one.waiting_adapters) < one.slots
    ]
    prefers_using = given["affinity_threshold"] == 1
    return (using or free or signals) if prefers_using else (free or using or signals)


FILTERS: dict[str, Keeps] = {
    "kv-threshold": lambda request, signals, given: _or_all(
        [one for one in signals if one.used <= given["most_used_share"] * one.total], signals
    ),
    "queue-threshold": lambda request, signals, given: _or_all(
        [one for one in signals if one.queued <= given["most_waiting"]], signals
    ),
    "session-affinity": lambda request, signals, given: _or_all([one for one in signals if one.kept.is_home], signals),
    "utilization": _utilization,
    "prefix-cache-affinity": _affinity,
    "slo-headroom": _headroom,
    "lora-affinity": _adapter,
}
