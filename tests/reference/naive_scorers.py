"""This file scores instances for the weighted router, each scorer by itself."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection
from typing import NamedTuple

from tests.reference.naive_request import Request
from tests.reference.naive_targets import NEVER_US

REFERENCE_CAPACITY = 10_000  # block keys that the router of the dated references remembers per instance


class Kept(NamedTuple):
    """What the router has kept of one instance, and expects of it, for the request that is to be routed."""

    sent: int = 0  # leading blocks of the prompt that it sent there before
    waiting: tuple[tuple[int, float], ...] = ()  # of prompts without a first token: uncached tokens, urgency
    is_home: bool = False  # of the session
    last_routed_us: int = 0
    ttft_us: float = 0.0  # expected
    itl_us: float = 0.0  # expected

    @property
    def tokens(self) -> int:
        """Uncached tokens of prompts without a first token."""
        return sum(tokens for tokens, _ in self.waiting)


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
    used: int = 0  # blocks
    total: int = 1
    decodes: int = 0  # members that decode
    context: int = 0  # tokens that these hold
    kept: Kept = Kept()
    index: int = 0  # of the instance
    running_adapters: frozenset[str] = frozenset()
    waiting_adapters: frozenset[str] = frozenset()
    slots: int = 0  # for adapters


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
        return [leading(keys, self.index[one.index]) / len(keys) if keys else 0.0 for one in signals]

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
        among = [one.index for one in signals]
        order = [index for index in among if index not in self.used] + [index for index in self.used if index in among]
        return [1.0 - order.index(index) / (len(signals) - 1) for index in among]

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


def token_load(request: Request, signals: list[Signals]) -> list[float]:
    """Tokens to compute, those of the request included, as a share of 4 Mi tokens."""
    scores = []
    for one in signals:
        own = max(0, len(request.prompt) - one.kept.sent * one.block_size)
        scores.append(1.0 - min(1.0, (one.kept.tokens + own) / 4_194_304))
    return scores


def predicted_latency(request: Request, signals: list[Signals]) -> list[float]:
    """TTFT and ITL relative to the others, 4 to 1; what does not differ has no say."""
    parts = [(0.8, [one.kept.ttft_us for one in signals]), (0.2, [one.kept.itl_us for one in signals])]
    parts = [(weight, values) for weight, values in parts if max(values) > min(values)]
    total = sum(weight for weight, _ in parts)
    scores = [0.0 if parts else 1.0 for _ in signals]
    for weight, values in parts:
        for index, value in enumerate(values):
            scores[index] += weight / total * ((max(values) - value) / (max(values) - min(values)))
    return scores


def latency_slack(request: Request, signals: list[Signals]) -> list[float]:
    """The least head-room among those that keep both targets, else among the first kind of the others that there is."""
    ttft_us = request.ttft_target_us if request.ttft_target_us < NEVER_US else 0
    has_itl = request.itl_target_us < NEVER_US
    rooms = [
        (ttft_us - one.kept.ttft_us, request.itl_target_us - one.kept.itl_us if has_itl else 0.0) for one in signals
    ]
    kinds: list[list[int]] = [[] for _ in range(5)]
    for index, (first, later) in enumerate(rooms):
        if first >= 0 and later >= 0:
            kinds[0].append(index)
        elif signals[index].in_flight == 0:
            kinds[1].append(index)
        else:
            kinds[2 + (2 if first < 0 and later < 0 else 1 if first < 0 else 0)].append(index)
    chosen = next(kind for kind in kinds if kind)
    parts = []
    for weight, dimension in ((0.8, 0), (0.2, 1)):
        sizes = {index: abs(rooms[index][dimension]) for index in chosen}
        if max(sizes.values()) - min(sizes.values()) > 1e-9:
            parts.append((weight, sizes))
    scores = [0.0] * len(signals)
    for index in chosen:
        used = 0.0 if parts else 0.5
        for weight, sizes in parts:
            low, high = min(sizes.values()), max(sizes.values())
            used += weight / sum(one for one, _ in parts) * ((sizes[index] - low) / (high - low))
        scores[index] = (int((1.0 - used) * 100) + 1) / 100
    return scores


def lora_affinity(request: Request, signals: list[Signals]) -> list[float]:
    """The adapter runs, there is a free slot, it is waited for, or none of this."""
    scores = []
    for one in signals:
        has_room = len(one.running_adapters) + len(one.waiting_adapters) < one.slots
        waits = 0.6 if request.adapter in one.waiting_adapters else 0.0
        scores.append(1.0 if request.adapter in one.running_adapters else 0.8 if has_room else waits)
    return scores


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
    "token-load": token_load,
    "session-affinity": lambda request, signals: [1.0 if one.kept.is_home else 0.0 for one in signals],
    "predicted-latency": predicted_latency,
    "latency-slack": latency_slack,
    "lora-affinity": lora_affinity,
    "vllm-dp": lambda request, signals: less_is_better([4 * one.queued + one.running for one in signals]),
}


def make_scorer(name: str, capacity: list[int]) -> PrefixAffinity | NoHitLRU | Stateless:
    """A scorer by its name in the case file."""
    if name == "prefix-affinity":
        return PrefixAffinity(capacity)
    if name == "no-hit-lru":
        return NoHitLRU(len(capacity))
    return Stateless(STATELESS[name])
