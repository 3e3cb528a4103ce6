"""This file is the slow, obvious simulator: one event queue, one object per request.

It is the oracle for the fast engine and shares no code with it.
"""

from __future__ import annotations

import heapq
import math
from itertools import count
from typing import Any, NamedTuple

from blis.foundation.randomness import stream
from tests.reference.naive_awaiting import AwaitingInstance
from tests.reference.naive_filters import serving
from tests.reference.naive_gateway import Gateway, pause_us
from tests.reference.naive_instance import Instance
from tests.reference.naive_latency import read_latency
from tests.reference.naive_metrics import aggregate, row_of
from tests.reference.naive_request import Keys, Request, read_requests
from tests.reference.naive_routing import Admission, Eyes, Router, draw_of, regret
from tests.reference.naive_semantics import PRESETS, Semantics
from tests.reference.naive_targets import targets_of
from tests.reference.naive_tiers import loads_apart, tiers_of

REFUSED_PAUSE_US = 1_000_000  # whoever is refused waits so long before the next attempt
# Ranks among the events of one microsecond: of the cluster, then of one instance.
RANKS = {"arrival": 0, "admission": 1, "routing": 2, "reaching": 0, "queueing": 1, "step": 2, "leaving": 3}
RECEIVING = -1  # before whatever else an instance does at that moment
GATEWAY_RANKS = RANKS | {"routing": -2, "sweep": -1, "cycle": 2}


class Event(NamedTuple):
    """Ordered by time, then cluster before instances by index, then kind, then order of scheduling."""

    time_us: int
    place: int  # 0 for the cluster, 1 + index for an instance
    rank: int
    sequence: int
    kind: str
    request: Request | None


class Simulator:
    """A whole run."""

    def __init__(self, case: dict[str, Any], rows: list[dict[str, Any]], semantics: Semantics) -> None:
        keys = Keys()
        self.case = case
        self.semantics = semantics
        self.requests = read_requests(rows, case["block_size_tokens"], keys)
        targets_us = targets_of(case)
        for request in self.requests:
            request.ttft_target_us, request.itl_target_us = targets_us[request.named_class]
        latencies = [pool["latency"] for pool in case["pools"]] if "pools" in case else [case["latency"]]
        self.latencies = [read_latency(latencies[index % len(latencies)]) for index in range(case["instances"])]
        self.instances = self._made_instances(keys)
        for instance, tiers in zip(self.instances, tiers_of(case, self.requests, keys), strict=True):
            instance.pool.tiers = tiers
        self.admission = Admission(case["admission"], draw_of(case, semantics))
        self.eyes = Eyes(self.instances, case["routing"], semantics)
        self.router = Router(case, self.instances, semantics)
        self.gateway = Gateway(case, self.instances, self.eyes) if case.get("gateway") else None
        self.ranks = RANKS if self.gateway is None else GATEWAY_RANKS
        self.next_cycle_us = -1
        if self.gateway is not None:
            self.gateway.tenants = list(dict.fromkeys(request.tenant for request in self.requests))
        self.retry_key = int(stream(case.get("seed", 0), "retries").integers(2**32))
        self.is_traced = case.get("routing_trace") is not None
        self.n_decisions = 0
        self.events: list[Event] = []
        self.sequence = count()
        self.rank_of: dict[int, int] = {}  # which routing decision a request's was, by its row

    def _made_instances(self, keys: Keys) -> list[Instance]:
        kind = AwaitingInstance if loads_apart(self.case) else Instance
        return [
            kind(index, self.case, self.latencies[index], keys, self.semantics)
            for index in range(self.case["instances"])
        ]

    def run(self) -> None:
        """Execute events in order until none is left or the next one lies beyond the horizon."""
        for request in self.requests:
            if request.after < 0:
                self._schedule(request.arrival_us, "arrival", request=request)
        horizon_us = self.case.get("horizon_us")
        while self.events:
            event = heapq.heappop(self.events)
            if horizon_us is not None and event.time_us > horizon_us:
                break
            for instance in self.instances:
                if instance.pool.tiers is not None:
                    instance.pool.tiers.now = event.time_us
            if event.kind in ("sweep", "cycle"):
                self._serve_gateway(event)
            elif event.place == 0:
                self._execute_in_cluster(event)
            else:
                self._execute_in_instance(event, self.instances[event.place - 1])

    def _schedule(
        self, time_us: int, kind: str, instance: Instance | None = None, request: Request | None = None
    ) -> None:
        place = 0 if instance is None else 1 + instance.index
        is_ranked = instance is None or self.semantics.same_time_by_kind
        rank = self.ranks[kind] if is_ranked else 0
        order = next(self.sequence) if kind != "arrival" else request.row if request else 0
        heapq.heappush(self.events, Event(time_us, place, rank, order, kind, request))

    def _let_followers_come(self, request: Request, ended_us: int) -> None:
        for follower in self.requests:
            if follower.after == request.row:
                follower.arrival_us = ended_us + follower.think_us
                self._schedule(follower.arrival_us, "arrival", request=follower)

    def _execute_in_cluster(self, event: Event) -> None:
        request, now = event.request, event.time_us
        assert request is not None
        if event.kind == "arrival":
            self._schedule(now + self.case.get("admission_latency_us", 0), "admission", request=request)
        elif event.kind == "admission":
            self.eyes.look(now)
            self.n_decisions += 1
            if self.admission.admits(request, now, serving(self.case, request, self.eyes.look(now))):
                self._admit(request, now)
            else:
                self._refuse(request, now, "rejected")
        else:
            self._route(request, now)

    def _admit(self, request: Request, now: int) -> None:
        if self.gateway is None:
            self._schedule(now + self.case.get("routing_latency_us", 0), "routing", request=request)
            return
        has_joined, displaced = self.gateway.arrive(request, now)
        if displaced is not None:
            self._refuse(displaced, now, "gateway_displaced")
        if has_joined:
            request.status = "gateway_queued"
            sweep_us = self.case["gateway"]["sweep_us"]
            self._schedule(-(-now // sweep_us) * sweep_us + (now % sweep_us == 0) * sweep_us, "sweep")
            self._cycle(now)
        else:
            self._refuse(request, now, "gateway_rejected")

    def _refuse(self, request: Request, now: int, status: str) -> None:
        """Its client comes again, or it is over."""
        retries = self.case.get("retries")
        if retries and status != "timed_out" and request.attempts < retries["attempts"]:
            if request.attempts == 0:
                request.first_arrival_us = request.arrival_us
            request.arrival_us = now + pause_us(retries, self.retry_key, request.number, request.attempts)
            request.attempts += 1
            request.status = "not_started"
            self._schedule(request.arrival_us, "arrival", request=request)
            return
        request.status = status
        self._let_followers_come(request, now + REFUSED_PAUSE_US)

    def _serve_gateway(self, event: Event) -> None:
        """A tick while somebody waits, or the time to look for those who have waited too long."""
        assert self.gateway is not None
        now = event.time_us
        if event.kind == "cycle":
            if now == self.next_cycle_us and self.gateway.waiting:
                self._cycle(now)
            return
        for request, why in self.gateway.overdue(now):
            self._refuse(request, now, why)
        if self.gateway.waiting:
            self._schedule(now + self.case["gateway"]["sweep_us"], "sweep")

    def _cycle(self, now: int) -> None:
        assert self.gateway is not None
        request, late = self.gateway.cycle(now)
        for victim in self.gateway.victims:
            self._evict(victim, now)
        for one, why in late:
            self._refuse(one, now, why)
        if request is not None:
            request.status = "not_started"
            self._schedule(now + self.case.get("routing_latency_us", 0), "routing", request=request)
        if self.gateway.waiting:
            tick_us = self.case["gateway"]["tick_us"]
            self.next_cycle_us = (now // tick_us + 1) * tick_us
            self._schedule(self.next_cycle_us, "cycle")

    def _evict(self, request: Request, now: int) -> None:
        """Take a running request away; its client comes again, or it is over."""
        assert self.gateway is not None
        assert request.instance is not None
        instance = self.instances[request.instance]
        if instance.abort(request, now):
            self._forget_step(instance)
        instance.end_us = max(instance.end_us, now)
        self.gateway.routed.remove(request)
        self._refuse(request, now, "gateway_evicted")

    def _forget_step(self, instance: Instance) -> None:
        """Nobody is left to be served in the step that was to come."""
        place = 1 + instance.index
        self.events = [one for one in self.events if one.place != place or one.kind != "step"]
        heapq.heapify(self.events)

    def _route(self, request: Request, now: int) -> None:
        signals = self.eyes.look(now)
        choice = self.router.route(request, signals)
        if choice is None:
            request.status = "unroutable"
            self._let_followers_come(request, now + REFUSED_PAUSE_US)
            return
        request.instance = choice.instance
        if self.is_traced:
            lost = regret(choice)
            request.regret = None if math.isnan(lost) else lost
            request.score = choice.scores[choice.place] if choice.scores else None
        instance = self.instances[choice.instance]
        self.rank_of[request.row] = len(self.rank_of)
        instance.n_pending += 1
        instance.n_in_flight += 1
        if self.gateway is not None:
            self.gateway.note_routed(request)
        self._schedule(now, "reaching", instance, request)

    def _execute_in_instance(self, event: Event, instance: Instance) -> None:
        request, now = event.request, event.time_us
        instance.end_us = max(instance.end_us, now)
        if event.kind == "reaching":
            assert request is not None
            queueing_us = instance.latency.queueing_us(len(request.prompt))
            self._schedule(now + queueing_us, "queueing", instance, request)
        elif event.kind == "queueing":
            assert request is not None
            step_due_us = instance.enqueue(request, now)
            if step_due_us is not None:
                self._schedule(step_due_us, "step", instance)
            if request.status == "dropped":
                self._let_followers_come(request, now + 1)  # nobody hears of it in the past
        elif event.kind == "step":
            due_us, ending = instance.step(now)
            self._schedule_loads(instance)
            for left in ending:
                leaves_us = left.last_token_is_out_us + (instance.latency.completion_us if left.output else 0)
                # Where time left out by the budget does not count, the end lies before what has happened since.
                self._let_followers_come(left, max(leaves_us, left.last_token_us))
            if ending and not instance.has_two_batches:
                # The requests leave at the end of the step: it moves the clock, nothing else.
                self._schedule(due_us, "leaving", instance)
            if instance.has_step_due:
                self._schedule(due_us, "step", instance)
        elif event.kind == "receiving":
            assert request is not None
            assert isinstance(instance, AwaitingInstance)
            instance.receive(request, request.position)
            self._call(instance, now)

    def _schedule_loads(self, instance: Instance) -> None:
        """What requests load comes at its time, before whatever else happens then; of equals, who was routed first."""
        if not isinstance(instance, AwaitingInstance):
            return
        for ready_us, request in instance.begun:
            rank = self.rank_of[request.row]
            event = Event(ready_us, 1 + instance.index, RECEIVING, rank, "receiving", request)
            heapq.heappush(self.events, event)
        instance.begun = []

    def _call(self, instance: AwaitingInstance, now: int) -> None:
        """Somebody calls for a step."""
        due_us = instance.call(now)
        if due_us is not None:
            self._schedule(due_us, "step", instance)


def simulate(case: dict[str, Any], requests: list[dict[str, Any]], semantics: str) -> dict[str, Any]:
    """Run a case.

    Parameters
    ----------
    case        the structure of case.yaml
    requests    rows with the columns of requests.csv: ints, None or absent where empty
    semantics   'corrected', 'reference-2026-04' or 'reference-2026-02'

    Returns
    -------
    dict: 'requests', one row per request with the columns of expected.csv, and all fields of expected.json
    """
    return simulate_with(case, requests, PRESETS[semantics])


def simulate_with(case: dict[str, Any], requests: list[dict[str, Any]], semantics: Semantics) -> dict[str, Any]:
    """Run a case with flags of one's own."""
    run = Simulator(case, requests, semantics)
    run.run()
    for request in run.requests:
        if request.attempts > 0:
            _count_from_first_arrival(request)
    rows = [row_of(request) for request in run.requests]
    return {"requests": rows} | aggregate(case, run.requests, run.instances, run.n_decisions, semantics)


def _count_from_first_arrival(request: Request) -> None:
    later_us = request.arrival_us - request.first_arrival_us
    request.arrival_us = request.first_arrival_us
    for name in ("ttft_us", "e2e_us", "scheduling_delay_us"):
        if getattr(request, name) is not None:
            setattr(request, name, getattr(request, name) + later_us)
