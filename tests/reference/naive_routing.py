"""This file admits requests and chooses instances for them."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from blis.foundation.randomness import stream
from tests.reference.naive_filters import filtered, serving
from tests.reference.naive_instance import Instance
from tests.reference.naive_kept import Book
from tests.reference.naive_priority import urgency
from tests.reference.naive_programs import values_of
from tests.reference.naive_request import Request
from tests.reference.naive_scorers import REFERENCE_CAPACITY, Signals, leading, make_scorer
from tests.reference.naive_semantics import Semantics


class Admission:
    """always-admit, reject-all, shedding by class, or one token bucket for the whole cluster."""

    def __init__(self, admission: dict[str, Any], draw: Draw | None = None) -> None:
        self.policy: str = admission["policy"]
        if self.policy not in (
            "always-admit", "reject-all", "token-bucket", "tier-shed", "saturation-shed", "probabilistic",
        ):  # fmt: skip
            raise ValueError(f"unknown admission policy {self.policy!r}")
        self.draw = draw
        self.shed = admission
        self.capacity = float(admission.get("capacity_tokens", 0))
        self.refill_per_s = float(admission.get("refill_tokens_per_s", 0))
        self.tokens = self.capacity
        self.last_refill_us = 0

    def admits(self, request: Request, now: int, signals: list[Signals]) -> bool:
        """Decide at the time of the decision; a prompt costs its whole length, cached or not."""
        if self.policy == "tier-shed":
            least = self.shed.get("minimum_urgency", 3.0)
            is_urgent = self.shed.get(request.slo_class or "unnamed", urgency(request)) >= least
            return is_urgent or max((one.load for one in signals), default=0) <= self.shed.get(
                "threshold_requests", 0.0
            )
        if self.policy in ("saturation-shed", "probabilistic"):
            return urgency(request) >= self.shed.get("minimum_urgency", 0.0) or self._has_luck(request, signals)
        if self.policy != "token-bucket":
            return self.policy == "always-admit"
        elapsed_us = now - self.last_refill_us
        if elapsed_us > 0:
            self.tokens = min(self.capacity, self.tokens + elapsed_us * self.refill_per_s / 1e6)
            self.last_refill_us = now
        if self.tokens < len(request.prompt):
            return False
        self.tokens -= len(request.prompt)
        return True

    def _has_luck(self, request: Request, signals: list[Signals]) -> bool:
        """Whether a request that may be refused is not."""
        queue, share = self.shed.get("queue_depth_threshold", 5.0), self.shed.get("kv_cache_util_threshold", 0.8)
        fullness = [max(one.queued / queue, one.used_share / share) if one.is_known else 1.0 for one in signals]
        saturation = sum(fullness) / len(signals) if signals else 0.0
        if self.policy == "saturation-shed":
            return saturation < 1
        chance = min(1.0, self.shed.get("k", 300.0) * min(saturation, 1000.0) ** self.shed.get("power", 5.0))
        lot = self.draw.lot(request.number, 2**30) if self.draw else hashed(hashed(request.row) ^ 2**30)
        return lot >= 2**32 * chance


class Reading(NamedTuple):
    """What an instance reported when it was last read."""

    queued: int = 0
    running: int = 0
    used_share: float = 0.0
    free_blocks: int = 0
    queued_tokens: int = 0
    step_us: int = 0  # length of its last step
    hit_rate: float = 0.0  # in blocks
    is_real: bool = False  # not before the instance is read for the first time
    used: int = 0  # blocks
    decodes: int = 0  # members that decode
    context: int = 0  # tokens that these hold
    running_adapters: frozenset[str] = frozenset()
    waiting_adapters: frozenset[str] = frozenset()


class Eyes:
    """What the router sees: reports that may be old, counts of its own that never are."""

    def __init__(self, instances: list[Instance], routing: dict[str, Any], semantics: Semantics) -> None:
        self.instances = instances
        self.semantics = semantics
        self.refresh_us: int = routing.get("snapshot_refresh_us", 0)
        self.signal_delay_us: int = routing.get("cache_signal_delay_us", 0)
        self.last_reading_us = 0
        self.last_signal_us = 0
        self.readings = [Reading() for _ in instances]
        self.frozen_keys: list[frozenset[int]] = [frozenset() for _ in instances]
        if semantics.first_snapshot_is_real:
            self._read()

    def look(self, now: int) -> list[Signals]:
        """Called at every admission and routing moment, the only times at which anything is read."""
        self.look_at_reports(now)
        if self.signal_delay_us > 0 and now - self.last_signal_us >= self.signal_delay_us:
            self.frozen_keys = [frozenset(instance.pool.table) for instance in self.instances]
            self.last_signal_us = now
        return self.look_without_reading(now)

    def look_at_reports(self, now: int) -> None:
        """Read the instances again if the last reading is old enough."""
        if now - self.last_reading_us >= self.refresh_us:
            self._read()
            self.last_reading_us = now

    def look_without_reading(self, now: int) -> list[Signals]:
        """What was read last."""
        return [self._signals(instance, now) for instance in self.instances]

    def _read(self) -> None:
        self.readings = [
            Reading(
                one.n_waiting,
                len(one.batch),
                one.pool.n_used / one.pool.n_blocks,
                len(one.pool.free),
                sum(request.known for request in one.queue + one.returning),
                one.last_step_us,
                one.pool.hits / max(1, one.pool.hits + one.pool.misses),
                is_real=True,
                used=one.pool.n_used,
                decodes=sum(_decodes(request) for request in one.batch),
                context=sum(request.position for request in one.batch if _decodes(request)),
                running_adapters=_adapters(one, one.batch),
                waiting_adapters=_adapters(one, one.queue + one.returning),
            )
            for one in self.instances
        ]

    def _signals(self, instance: Instance, now: int) -> Signals:
        reading = self.readings[instance.index]
        counted = instance.n_in_flight if self.semantics.load_counts_in_flight else instance.n_pending
        is_live = self.signal_delay_us == 0
        return Signals(
            reading.queued,
            reading.running,
            reading.used_share,
            reading.free_blocks,
            in_flight=instance.n_in_flight,
            load=reading.queued + reading.running + counted,
            keys=instance.pool.table if is_live else self.frozen_keys[instance.index],
            pending=instance.n_pending,
            queued_tokens=reading.queued_tokens,
            step_us=reading.step_us,
            hit_rate=reading.hit_rate,
            now=now,
            block_size=instance.block_size,
            is_known=reading.is_real,
            used=reading.used,
            total=instance.pool.n_blocks,
            decodes=reading.decodes,
            context=reading.context,
            index=instance.index,
            running_adapters=reading.running_adapters,
            waiting_adapters=reading.waiting_adapters,
            slots=instance.adapters.n_slots,
        )


def _adapters(instance: Instance, requests: list[Request]) -> frozenset[str]:
    """Those that the requests ask for, as an instance reports them that holds adapters."""
    if instance.adapters.n_slots == 0:
        return frozenset()
    return frozenset(request.adapter for request in requests if request.adapter is not None)


def _decodes(request: Request) -> bool:
    return request.is_decoding and not request.is_over


class Choice(NamedTuple):
    """A routing decision: which of those that were listed; scores only from policies that score."""

    place: int
    scores: list[float] | None = None
    among: tuple[Signals, ...] = ()

    @property
    def instance(self) -> int:
        """Whom the request is sent to."""
        return self.among[self.place].index


class Draw:
    """A lot for every request and instance; among equals the highest wins."""

    def __init__(self, seed: int, of_what: str = "ties") -> None:
        self.key = int(stream(seed, of_what).integers(2**32))

    def of(self, number: int) -> int:
        """A 32-bit hash of seed and request."""
        return hashed(self.key ^ hashed(number))

    def lot(self, number: int, instance: int) -> int:
        """A 32-bit hash of seed, request and instance."""
        return hashed(self.of(number) ^ instance)


def hashed(word: int) -> int:
    """A one-to-one scrambling of 32 bits."""
    for _ in range(2):
        word = (word ^ word // 2**16) * 73_244_475 % 2**32
    return word ^ word // 2**16


def draw_of(case: dict[str, Any], semantics: Semantics) -> Draw | None:
    """The lots of a case; None where nothing is drawn."""
    ties = case.get("router_ties")
    draws = semantics.ties_are_drawn if ties is None else ties == "random"
    return Draw(case.get("seed", 0)) if draws else None


class Picker:
    """Takes an instance by the scores: the best, or by lot."""

    def __init__(self, seed: int, routing: dict[str, Any]) -> None:
        self.draw = Draw(seed, "draws")
        self.picker: str = routing.get("picker", "largest")
        self.best: int = routing.get("best", 0)
        self.temperature: float = routing.get("temperature", 0.0)

    def pick(self, number: int, scores: list[float], ranked: list[int]) -> int:
        """The instance; `ranked` are all, the best first."""
        part = self.draw.of(number) / 2**32
        if self.picker == "random-of-best":
            return ranked[int(part * (min(self.best, len(ranked)) or len(ranked)))]
        if self.picker == "largest" or (self.picker == "softmax" and self.temperature == 0):
            return ranked[0]
        shares = [max(0.0, score) for score in scores]
        if self.picker == "softmax":
            spread = (max(scores) - min(scores)) * self.temperature
            shares = [math.exp((score - max(scores)) / spread) if spread > 0 else 1.0 for score in scores]
        if sum(shares) <= 0:
            return int(part * len(scores))
        left = part * sum(shares)
        for index, share in enumerate(shares):
            if share > 0 and left < share:
                return index
            left -= share
        return max(index for index, share in enumerate(shares) if share > 0)


class Router:
    """Chooses an instance; ties are drawn, or go to the lowest index."""

    def __init__(self, case: dict[str, Any], instances: list[Instance], semantics: Semantics) -> None:
        routing, n_instances = case["routing"], len(instances)
        capacity = [REFERENCE_CAPACITY] * n_instances
        if semantics.router_remembers_all_blocks:
            capacity = [one.pool.n_blocks for one in instances]
        if case.get("router_index_blocks"):
            capacity = [case["router_index_blocks"]] * n_instances
        self.draw = draw_of(case, semantics)
        self.policy: str = routing["policy"]
        self.routing = routing
        self.case = case
        self.turns: dict[int, int] = {}  # so far, by the first of those that could be chosen
        self.n_routed = 0
        self.home_of: dict[tuple[int, ...], int] = {}
        self.last_routed = [-1] * n_instances
        self.book = Book(instances, capacity)
        self.picker = Picker(case.get("seed", 0), routing)
        self.scorers = [
            (make_scorer(scorer["name"], capacity), scorer["weight"]) for scorer in routing.get("scorers", [])
        ]

    def route(self, request: Request, everybody: list[Signals]) -> Choice | None:
        """Choose, and learn from the choice; None where nobody can be chosen."""
        everybody = self.book.consult(request, everybody)
        signals = filtered(self.case.get("filters", []), request, serving(self.case, request, everybody))
        if not signals:
            return None
        choice = self._chosen(request, signals)._replace(among=tuple(signals))
        for scorer, _ in self.scorers:
            scorer.learn(request, signals, choice.instance)
        self.book.enter(request, everybody, choice.instance)
        self.last_routed[choice.instance] = self.n_routed
        self.n_routed += 1
        return choice

    def _chosen(self, request: Request, signals: list[Signals]) -> Choice:
        loads = [one.load for one in signals]
        if self.policy == "round-robin":
            turn = self.turns.get(signals[0].index, 0)
            self.turns[signals[0].index] = turn + 1
            choice = Choice(turn % len(signals))
        elif self.policy == "least-loaded":
            choice = Choice(self._best(request, signals, [-load for load in loads]))
        elif self.policy == "always-busiest":
            choice = Choice(self._best(request, signals, loads))
        elif self.policy == "prefix-affinity-whole-prompt":
            among, home = [one.index for one in signals], self.home_of.get(tuple(request.prompt))
            if home not in among:
                home = among[self._best(request, signals, [-load for load in loads])]
                self.home_of[tuple(request.prompt)] = home
            choice = Choice(among.index(home))
        elif self.policy == "weighted-cache-load":
            choice = self._scored(request, signals, self._cache_load_scores(signals))
        elif self.policy == "weighted":
            scores = self._weighted_scores(request, signals)
            ranked = sorted(range(len(scores)), key=lambda place: self._place(request, signals, scores, place))
            choice = Choice(self.picker.pick(request.number, scores, ranked), scores)
        elif self.policy == "program":
            choice = self._scored(request, signals, self._program_values(request, signals))
        elif self.policy == "sticky-until-saturated":
            choice = self._scored(request, signals, self._sticky_scores(request, signals))
        else:
            raise ValueError(f"unknown routing policy {self.policy!r}")
        return choice

    def _best(self, request: Request, signals: list[Signals], scores: list[float] | list[int]) -> int:
        return min(range(len(scores)), key=lambda place: self._place(request, signals, scores, place))

    def _place(
        self, request: Request, signals: list[Signals], scores: list[float] | list[int], place: int
    ) -> tuple[float, int]:
        """By the score, then by lot or index; smaller is better."""
        return -scores[place], place if self.draw is None else -self.draw.lot(request.number, signals[place].index)

    def _scored(self, request: Request, signals: list[Signals], scores: list[float]) -> Choice:
        return Choice(self._best(request, signals, scores), scores)

    def _weighted_scores(self, request: Request, signals: list[Signals]) -> list[float]:
        total_weight = 0.0
        for _, weight in self.scorers:
            total_weight += weight
        totals = [0.0] * len(signals)
        for scorer, weight in self.scorers:
            for index, score in enumerate(scorer.score(request, signals)):
                totals[index] += min(max(score, 0.0), 1.0) * (weight / total_weight)
        return totals

    def _program_values(self, request: Request, signals: list[Signals]) -> list[float]:
        n_blocks, loads = len(request.prompt_keys), [one.load for one in signals]
        rows = []
        for one in signals:
            cached, kept = leading(request.prompt_keys, one.keys), one.kept
            needed = math.ceil(len(request.prompt) / one.block_size) - cached
            features = {
                "queued_requests": one.queued,
                "running_requests": one.running,
                "queued_tokens": one.queued_tokens,
                "free_blocks": one.free_blocks,
                "used_share": one.used_share,
                "pending_requests": one.pending,
                "in_flight_requests": one.in_flight,
                "effective_load": one.load,
                "cached_blocks": cached,
                "cached_share": cached / n_blocks if n_blocks else 0.0,
                "affinity_share": kept.sent / n_blocks if n_blocks else 0.0,
                "step_us": one.step_us,
                "last_routed": self.last_routed[one.index],
                "least_load": min(loads),
                "mean_load": float(sum(loads)) / len(loads),
                "hit_rate": one.hit_rate,
                "input_tokens": len(request.prompt),
                "uncached_tokens": len(request.prompt) - cached * one.block_size,
                "urgency": urgency(request),
                "clock_us": one.now,
                "sent_tokens": kept.tokens,
                "sent_requests": len(kept.waiting),
                "sent_urgent_requests": sum(rank >= urgency(request) for _, rank in kept.waiting),
                "is_session_home": float(kept.is_home),
                "headroom_share": 1.0 - (one.used + needed) / one.total,
                "running_context_tokens": one.context,
                "since_routed_us": one.now - kept.last_routed_us,
                "age_us": one.now - request.arrival_us,
                "expected_ttft_us": kept.ttft_us,
                "expected_itl_us": kept.itl_us,
                "ttft_slack_us": float(request.ttft_target_us + request.arrival_us - one.now) - kept.ttft_us,
            }
            rows.append(features)
        return values_of(self.routing.get("formula", "effective_load neg"), rows)

    def _sticky_scores(self, request: Request, signals: list[Signals]) -> list[float]:
        least = self.routing["affinity_threshold"] * len(request.prompt_keys) if request.prompt_keys else 1.0
        held = [one.kept.tokens for one in signals if one.kept.sent >= least]
        others = [one.kept.tokens for one in signals if one.kept.sent < least]
        extra = self.routing["most_extra_tokens"]
        sticks = held and not (others and 0 < extra < min(held) - min(others))
        scores = []
        for one in signals:
            own = max(0, len(request.prompt) - one.kept.sent * one.block_size)
            load = one.kept.tokens + own if self.routing["load"] == "tokens" else one.in_flight
            scores.append(-1e18 if sticks and one.kept.sent < least else -float(load))
        return scores

    def _cache_load_scores(self, signals: list[Signals]) -> list[float]:
        cache, load = self.routing["cache_weight"], self.routing["load_weight"]
        cache_weight, load_weight = cache / (cache + load), load / (cache + load)
        most_free = max(one.free_blocks for one in signals)
        scores = []
        for one in signals:
            free_share = one.free_blocks / most_free if most_free > 0 else 0.0
            scores.append(free_share * cache_weight + 1.0 / (1.0 + one.load) * load_weight)
        return scores


def regret(choice: Choice) -> float:
    """Best score minus chosen score; without scores, the score is minus the load."""
    scores = choice.scores or [-float(one.load) for one in choice.among]
    return max(scores) - scores[choice.place]
