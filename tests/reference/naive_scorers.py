"""This file scores instances for the weighted router, each scorer by itself."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection
from typing import NamedTuple

from tests.reference.naive_request import Request

REFERENCE_CAPACITY = 10_000  # block keys that the router of the dated references remembers per instance


class Signals(NamedTuple):
    """What the router knows of one instance at a decision."""

    queued: int
    running: int
    used_share: float
    free_blocks: int
    in_flight: int
    load: int
    keys: Collection[int]  # block keys in its cache
    pending: int = 0  # routed, not yet queued
    queued_tokens: int = 0
    step_us: int = 0
    hit_rate: float = 0.0
    now: int = 0
    block_size: int = 1
    is_known: bool = True  # whether it has ever been read


def leading(keys: list[int], known: Collection[int]) -> int:
    """How many of the first keys are known without a gap."""
    n = 0
    while n < len(keys) and keys[n] in known:
        n += 1
    return n


class PrefixAffinity:
    """Share of the prompt's whole blocks that the router itself sent to an instance before."""

    def __init__(self, capacity: list[int]) -> None:
        self.capacity = capacity  # of each instance's index
        self.index: list[OrderedDict[int, object]] = [OrderedDict() for _ in capacity]

    def score(self, request: Request, signals: list[Signals]) -> list[float]:
        """Looking does not change recency; a prompt below one block scores 0."""
        keys = request.prompt_keys
        return [leading(keys, known) / len(keys) if keys else 0.0 for known in self.index]

    def learn(self, request: Request, signals: list[Signals], chosen: int) -> None:
        """Remember the prompt's blocks for the chosen instance, first block first."""
        known = self.index[chosen]
        for key in request.prompt_keys:
            known[key] = None
            known.move_to_end(key)
            if len(known) > self.capacity[chosen]:
                known.popitem(last=False)


class NoHitLRU:
    """Prefer the instance that got a cold request least recently; neutral where any cache has a hit."""

    def __init__(self, n_instances: int) -> None:
        self.used: list[int] = []  # instances, least recently used first

    def score(self, request: Request, signals: list[Signals]) -> list[float]:
        """0.5 for all if warm, else 1 - rank / (n - 1); one instance alone scores 1."""
        if self._is_warm(request, signals):
            return [0.5] * len(signals)
        if len(signals) == 1:
            return [1.0]
        order = [index for index in range(len(signals)) if index not in self.used] + self.used
        return [1.0 - order.index(index) / (len(signals) - 1) for index in range(len(signals))]

    def learn(self, request: Request, signals: list[Signals], chosen: int) -> None:
        """Only a cold routing counts as use."""
        if self._is_warm(request, signals):
            return
        if chosen in self.used:
            self.used.remove(chosen)
        self.used.append(chosen)

    def _is_warm(self, request: Request, signals: list[Signals]) -> bool:
        return any(leading(request.prompt_keys[:1], one.keys) for one in signals)


class Stateless:
    """A scorer that is a function of the request and the signals."""

    def __init__(self, function: Callable[[Request, list[Signals]], list[float]]) -> None:
        self.score = function

    def learn(self, request: Request, signals: list[Signals], chosen: int) -> None:
        """Nothing to remember."""


def less_is_better(values: list[int]) -> list[float]:
    """(max - x) / (max - min); 1 if all are equal."""
    low, high = min(values), max(values)
    return [1.0 if low == high else (high - value) / (high - low) for value in values]


def more_is_better(values: list[int]) -> list[float]:
    """(x - min) / (max - min); 1 if all are equal."""
    low, high = min(values), max(values)
    return [1.0 if low == high else (value - low) / (high - low) for value in values]


def active_requests(request: Request, signals: list[Signals]) -> list[float]:
    """Requests routed and not completed: none scores 1, else (max - x) / max."""
    most = max(one.in_flight for one in signals)
    return [1.0 if one.in_flight == 0 else (most - one.in_flight) / most for one in signals]


STATELESS: dict[str, Callable[[Request, list[Signals]], list[float]]] = {
    "queue-depth": lambda request, signals: less_is_better([one.queued for one in signals]),
    "kv-utilization": lambda request, signals: [1.0 - one.used_share for one in signals],
    "load-balance": lambda request, signals: [1.0 / (1.0 + one.load) for one in signals],
    "precise-prefix-cache": lambda request, signals: more_is_better(
        [leading(request.prompt_keys, one.keys) for one in signals]
    ),
    "active-requests": active_requests,
    "running-requests": lambda request, signals: less_is_better([one.running for one in signals]),
    "load-aware": lambda request, signals: [0.5 * (1.0 - min(one.queued, 128) / 128.0) for one in signals],
    "vllm-dp": lambda request, signals: less_is_better([4 * one.queued + one.running for one in signals]),
}


def make_scorer(name: str, capacity: list[int]) -> PrefixAffinity | NoHitLRU | Stateless:
    """A scorer by its name in the case file."""
    if name == "prefix-affinity":
        return PrefixAffinity(capacity)
    if name == "no-hit-lru":
        return NoHitLRU(len(capacity))
    return Stateless(STATELESS[name])
