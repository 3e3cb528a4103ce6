"""A gateway's queue as the one of SGLang's gateway and its kin: so many requests in flight, the others wait in turn."""

import math
from collections.abc import Mapping
from typing import Any

from blis.foundation.answers import GATEWAY_QUESTIONS
from evolve.exchange import APPROXIMATE, EXACT, MISSING, Champion, Signal
from evolve.exchange.flags.lines import Option, flag

MOST, QUEUE, PATIENCE = "--max-concurrent-requests", "--queue-size", "--queue-timeout-secs"
OPTIONS: Mapping[str, Option] = {
    MOST: Option("int", -1), QUEUE: Option("int", 0), PATIENCE: Option("int", 0)
}  # fmt: skip
#: What the queue is where nothing is said.
QUEUE_DEFAULT, PATIENCE_DEFAULT_S = 100, 60
_BUCKET = "a bucket of tokens there, which is also refilled by time"


def waiting(champion: Champion) -> tuple[list[str], list[Signal]]:
    """Flags of the queue, and what became of each part of the gateway."""
    chosen = {question: champion.policy(question) for question in GATEWAY_QUESTIONS}
    name = str(chosen["saturation"]["policy"])
    if name == "never":
        return [], []
    why = ""
    if name != "concurrency" or chosen["saturation"]["mode"] != "requests":
        why = "it counts requests in flight alone"
    elif champion.n_instances is None:
        why = "its limit is that of all workers together: give instances=N"
    if why:
        parts = [name, *(str(chosen[question]["policy"]) for question in GATEWAY_QUESTIONS[1:])]
        return [], [Signal(question, part, MISSING, why=why if question == "saturation" else "there is no queue")
                    for question, part in zip(GATEWAY_QUESTIONS, parts, strict=True)]  # fmt: skip
    share = chosen["ceiling"]["threshold"] if chosen["ceiling"]["policy"] == "static" else 1.0
    most = max(1, math.ceil(chosen["saturation"]["max_concurrency"] * (champion.n_instances or 1) * share))
    flags = [flag(MOST, most)]
    signals = [Signal("saturation", name, APPROXIMATE, flags[0], _BUCKET)]
    signals += [_plain(question, chosen[question], plain) for question, plain in
                (("fairness", "strict"), ("queue_order", "fcfs"), ("ceiling", "static"))]  # fmt: skip
    limits, of_limits = _limits(champion.gateway)
    return [*flags, *limits], [*signals, *of_limits]


def _plain(question: str, policy: Mapping[str, Any], plain: str) -> Signal:
    is_plain = policy["policy"] == plain
    return Signal(question, str(policy["policy"]), EXACT if is_plain else MISSING, "first come, first served",
                  "" if is_plain else "one queue for everybody there")  # fmt: skip


def _limits(gateway: Mapping[str, Any] | None) -> tuple[list[str], list[Signal]]:
    if gateway is None:
        return [], []
    flags, signals = [], []
    capacity, ttl_ms = gateway.get("capacity_requests"), gateway.get("ttl_ms")
    if capacity is not None:
        flags.append(flag(QUEUE, capacity))
        signals.append(Signal("gateway", "capacity_requests", EXACT, flags[-1]))
    if ttl_ms is not None:
        seconds = max(1, round(ttl_ms / 1e3))
        flags.append(flag(PATIENCE, seconds))
        why = "" if seconds * 1e3 == ttl_ms else "whole seconds there"
        signals.append(Signal("gateway", "ttl_ms", APPROXIMATE if why else EXACT, flags[-1], why))
    others = [name for name in gateway if name not in ("capacity_requests", "ttl_ms")]
    return flags, [
        *signals,
        *(Signal("gateway", name, MISSING, why="one queue for everybody there") for name in others),
    ]
