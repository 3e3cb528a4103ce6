"""This file is the queue in front of the router: a plain list that is searched at every tick."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from tests.reference.naive_instance import Instance
from tests.reference.naive_ledger import expected_output
from tests.reference.naive_priority import urgency
from tests.reference.naive_request import Request
from tests.reference.naive_routing import Eyes, hashed

ENDED = ("completed", "dropped")


@dataclass(eq=False)
class Waiting:
    """A request in the queue."""

    request: Request
    key: float
    order: int  # how many joined before it
    since_us: int


class Gateway:
    """Who waits, who is let go, and who is sent on."""

    def __init__(self, case: dict[str, Any], instances: list[Instance], eyes: Eyes) -> None:
        self.case, self.limits = case, case["gateway"]
        self.instances, self.eyes = instances, eyes
        self.waiting: list[Waiting] = []
        self.sent: list[Request] = []  # on their way to the router
        self.routed: list[Request] = []
        self.n_joined = 0
        self.active = {urgency_of_class(name) for name in self.limits.get("bands", {})}
        self.last_tenant: dict[float, int] = {}
        self.n_cycles = 0  # that the soft ceiling has counted
        self.victims: list[Request] = []  # that the latest cycle takes away from instances
        self.evicted_at_us = -math.inf
        self.tenants: list[str] = []  # by number, as the engine numbers them

    def arrive(self, request: Request, now: int) -> tuple[bool, Request | None]:
        """Let a request join if there is room; whether it did, and who had to go for it."""
        band = urgency(request)
        own = [one for one in self.waiting if urgency(one.request) == band]
        displaced = None
        if len(own) >= self._capacity(band):
            return False, None
        if len(self.waiting) >= (self.limits.get("capacity_requests") or math.inf):
            lower = [one for one in self.waiting if urgency(one.request) < band]
            if not lower or not self.limits.get("displace_least_urgent"):
                return False, None
            least = min(urgency(one.request) for one in lower)
            victim = max((one for one in lower if urgency(one.request) == least), key=lambda one: one.order)
            self.waiting.remove(victim)
            displaced = victim.request
        self.active.add(band)
        self.waiting.append(Waiting(request, self._key(request, now), self.n_joined, now))
        self.n_joined += 1
        return True, displaced

    def overdue(self, now: int) -> list[tuple[Request, str]]:
        """Who has waited too long, taken out of the queue, and why; the more urgent first, then the older."""
        late = [one for one in self.waiting if self._due_us(one) <= now]
        late.sort(key=lambda one: (-urgency(one.request), one.order))
        return [self._let_go(one) for one in late]

    def cycle(self, now: int) -> tuple[Request | None, list[tuple[Request, str]]]:
        """Send one request on, if any may go; and who was found to have waited too long on the way."""
        late: list[tuple[Request, str]] = []
        self.victims = []
        if self.case["saturation"]["policy"] in ("utilization", "queue-and-kv", "token-headroom"):
            self.eyes.look_at_reports(now)
        full = self._saturation(now)
        is_counted = 0.5 <= full < 1
        count = self.n_cycles
        self.n_cycles += is_counted
        for place, band in enumerate(sorted(self.active, reverse=True)):
            ceiling = min(1.0, self._ceiling(place, band, full, count))
            if full >= ceiling:
                if any(urgency(one.request) == band for one in self.waiting):
                    self.victims = self._victims(band, full, max(0.0, ceiling), now)
                return None, late
            while own := [one for one in self.waiting if urgency(one.request) == band]:
                chosen = self._choose(own, band)
                if self._due_us(chosen) > now:
                    self.waiting.remove(chosen)
                    self.last_tenant[band] = self.tenants.index(chosen.request.tenant)
                    self.sent.append(chosen.request)
                    return chosen.request, late
                late.append(self._let_go(chosen))
        return None, late

    def note_routed(self, request: Request) -> None:
        """A request has reached its instance."""
        self.sent.remove(request)
        self.routed.append(request)

    def _victims(self, band: float, full: float, ceiling: float, now: int) -> list[Request]:
        """Less urgent requests that run and may be shed: the least urgent, and of those the newest, first."""
        flying = len(self.sent) + sum(one.n_in_flight for one in self.instances)
        if not self.limits.get("evict_running") or flying == 0 or full <= 0:
            return []
        if now < self.evicted_at_us + self.limits["eviction_pause_us"]:
            return []
        n_wanted = min(max(1, math.ceil((full - ceiling) * flying / full)), self.limits["most_evictions"])
        order = {id(request): place for place, request in enumerate(self.routed)}
        running = [
            one
            for instance in self.instances
            for one in instance.batch
            if urgency(one) < min(0.0, band) and not one.is_over
        ]
        running.sort(key=lambda one: (urgency(one), -order[id(one)]))
        if running:
            self.evicted_at_us = now
        return running[:n_wanted]

    def _capacity(self, band: float) -> float:
        for name, most in self.limits.get("bands", {}).items():
            if urgency_of_class(name) == band:
                return float(most)
        return math.inf

    def _due_us(self, one: Waiting) -> float:
        patience_us = self.limits.get("request_timeout_us") or math.inf
        return min(one.since_us + self._ttl_us(), one.request.arrival_us + patience_us)

    def _ttl_us(self) -> float:
        return float(self.limits.get("ttl_us") or math.inf)

    def _let_go(self, one: Waiting) -> tuple[Request, str]:
        self.waiting.remove(one)
        patience_us = self.limits.get("request_timeout_us") or math.inf
        is_expired = one.since_us + self._ttl_us() <= one.request.arrival_us + patience_us
        return one.request, "gateway_expired" if is_expired else "timed_out"

    def _key(self, request: Request, now: int) -> float:
        order = self.case["queue_order"]
        if order["policy"] == "slo-deadline":
            return float(request.arrival_us + request.ttft_target_us)
        if order["policy"] == "predicted-sjf":
            output = expected_output(request, [one.ledger for one in self.instances])
            work = order["input_weight"] * len(request.prompt) + order["output_weight"] * output
            return float(work + order["ageing_tokens_per_s"] * 1e-6 * now)
        return 0.0

    def _choose(self, own: list[Waiting], band: float) -> Waiting:
        if self.case["fairness"]["policy"] == "round-robin":
            n, last = len(self.tenants), self.last_tenant.get(band, -1)
            turns = {one.request.tenant: (self.tenants.index(one.request.tenant) - last - 1) % n for one in own}
            next_tenant = min(turns, key=turns.__getitem__)
            own = [one for one in own if one.request.tenant == next_tenant]
        return min(own, key=lambda one: (one.key, one.order))

    def _ceiling(self, place: int, band: float, full: float, count: int) -> float:
        ceiling, n = self.case["ceiling"], len(self.active)
        if ceiling["policy"] == "static":
            return float(ceiling["threshold"])
        if ceiling["policy"] == "priority-holdback":
            least, most = ceiling["min_ceiling"], ceiling.get("max_ceiling", 1.0)
            if n == 1:
                return most
            if ceiling["domain"] == "rank":
                return float(most - place * (most - least) / (n - 1))
            share = (band - min(self.active)) / (max(self.active) - min(self.active))
            return float(least + share * (most - least))
        if place == 0 or full < 1 - place * full / (n - 1):
            return 1.0
        return 1.0 if full < 1 and count % max(1, math.floor(full / (1 - full + 1e-9) + 0.5)) == 0 else 0.0

    def _saturation(self, now: int) -> float:
        rule, n = self.case["saturation"], len(self.instances)
        if rule["policy"] == "never":
            return 0.0
        if rule["policy"] == "concurrency":
            return self._concurrency(rule)
        seen = self.eyes.look_without_reading(now)
        if rule["policy"] == "utilization":
            each = [
                max(one.queued / rule["queue_depth_threshold"], one.used_share / rule["kv_cache_util_threshold"])
                if one.is_known
                else 1.0
                for one in seen
            ]
            mean = sum(each) / n
            age_us = now - self.eyes.last_reading_us if self.eyes.refresh_us else 0
            return max(1.0, mean) if age_us > rule["staleness_ms"] * 1000 else mean
        if rule["policy"] == "queue-and-kv":
            is_full = [
                not one.is_known
                or one.queued > rule["queue_depth_threshold"]
                or one.used_share > rule["kv_cache_util_threshold"]
                for one in seen
            ]
            return sum(is_full) / n
        size = self.case["block_size_tokens"]
        held = float(sum(len(request.prompt) for request in self.sent))
        held += sum(one.used * size + one.queued_tokens if one.is_known else one.total * size for one in seen)
        return held / (sum(one.total * size for one in seen) * (1 - rule["headroom"]))

    def _concurrency(self, rule: dict[str, Any]) -> float:
        n, transit = len(self.instances), sum(len(request.prompt) for request in self.sent)
        flying = [
            [request for request in self.routed if request.instance == index and request.status not in ENDED]
            for index in range(n)
        ]
        requests = [len(own) for own in flying]
        tokens = [sum(len(request.prompt) for request in own) for own in flying]
        if rule["mode"] == "requests":
            return (sum(requests) + len(self.sent)) / (n * rule["max_concurrency"])
        if rule["mode"] == "tokens":
            return (sum(tokens) + transit) / (n * rule["max_token_concurrency"])
        shares = [
            max(
                (own + len(self.sent) / n) / rule["max_concurrency"],
                (length + transit / n) / rule["max_token_concurrency"],
            )
            for own, length in zip(requests, tokens, strict=True)
        ]
        return sum(shares) / n


def urgency_of_class(name: str) -> float:
    """How urgent a class is."""
    return urgency(Request(0, 0, [], [], name))


def pause_us(retries: dict[str, Any], key: int, number: int, attempt: int) -> int:
    """How long a client that is refused waits before it comes again."""
    grown_us = min(retries["base_us"] * retries["factor"] ** attempt, retries["most_us"])
    drawn = hashed((hashed(key ^ hashed(number)) + attempt) % 2**32) / 2**32
    return max(1, int(grown_us * (1 - drawn * retries["jitter"])))
