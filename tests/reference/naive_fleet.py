"""This file lets the instances of the slow simulator come, go and die, and routes among those that serve.

How many there should be is a plan: one number for each tick, whatever happens.
"""

from __future__ import annotations

import heapq
from collections import Counter
from typing import Any

from tests.reference.naive import REFUSED_PAUSE_US, Event, Simulator
from tests.reference.naive_instance import FORGOTTEN, Instance
from tests.reference.naive_request import Keys, Request
from tests.reference.naive_semantics import PRESETS, Semantics

ENDED = ("completed", "rejected", "dropped", "unroutable", "lost")
NEVER_US = 10**18
#: Behind the other events of the cluster at one moment; who comes back is routed before who has just come.
AFTER_ROUTING, BEFORE_ROUTING = 3, 1.5
#: What an instance has done in its life, whatever becomes of the engine that it was.
COUNTERS = (
    "end_us", "input_tokens", "completed", "dropped", "preemptions", "steps", "sum_queue", "sum_batch", "peak_blocks",
    "allocation_failures", "ledger",
)  # fmt: skip


class FleetSimulator(Simulator):
    """A whole run. `case["fleet"]` has the plan, the times, and what fails."""

    def __init__(self, case: dict[str, Any], rows: list[dict[str, Any]], semantics: Semantics) -> None:
        super().__init__(case, rows, semantics)
        self.fleet: dict[str, Any] = case["fleet"]
        self.keys: Keys = self.instances[0].pool.keys
        n = case["instances"]
        self.states = ["warm" if index < self.fleet["initial"] else "absent" for index in range(n)]
        self.since_us = [0] * n
        self.until_us = [NEVER_US] * n
        self.spent_us: list[dict[str, int]] = [{} for _ in range(n)]
        self.wanted = self.fleet["initial"]
        self.acts_at_us, self.next_tick_us = NEVER_US, 0
        self.routed_as: dict[int, int] = {}
        self.failures = sorted(self.fleet["failures"], key=lambda one: one["at_us"])
        self.n_rerouted = 0
        self.turns: Counter[int] = Counter()
        self._wake(0)
        for failure in self.failures:
            self._wake(failure["at_us"])

    def _wake(self, time_us: int) -> None:
        """Look at the fleet then."""
        heapq.heappush(self.events, Event(time_us, 0, AFTER_ROUTING, next(self.sequence), "fleet", None))  # type: ignore[arg-type]

    def _execute_in_cluster(self, event: Event) -> None:
        if event.kind == "fleet":
            self._look_at_fleet(event.time_us)
        elif event.kind == "rerouting":
            assert event.request is not None
            self._route(event.request, event.time_us)
        else:
            super()._execute_in_cluster(event)

    def _route(self, request: Request, now: int) -> None:
        """To the least loaded of those that serve, or to the next of them in turn."""
        signals = self.eyes.look(now)
        serving = [index for index, state in enumerate(self.states) if state == "warm"]
        if not serving:
            request.status = "unroutable"
            self._let_followers_come(request, now + REFUSED_PAUSE_US)
            return
        if self.router.policy == "round-robin":
            chosen = serving[self.turns[serving[0]] % len(serving)]  # turns are counted by the first that serves
            self.turns[serving[0]] += 1
        else:
            draw = self.router.draw
            lots = {one: one if draw is None else -draw.lot(request.number, one) for one in serving}
            chosen = min(serving, key=lambda index: (signals[index].load, lots[index]))
        self.routed_as[request.row] = self.router.n_routed
        self.router.n_routed += 1
        request.instance = chosen
        instance = self.instances[chosen]
        instance.n_pending += 1
        instance.n_in_flight += 1
        self._schedule(now, "reaching", instance, request)

    def _look_at_fleet(self, now: int) -> None:
        if all(request.status in ENDED for request in self.requests):
            return
        while self.failures and self.failures[0]["at_us"] <= now:
            failure = self.failures.pop(0)
            if self.states[failure["instance"]] != "absent":
                self._kill(failure, now)
        for index, until_us in enumerate(self.until_us):
            if until_us <= now:
                self._turn_to(index, "warm", now)
            self._let_go_if_idle(index, now)
        if self.acts_at_us <= now:
            self._act(now)
        if now == self.next_tick_us:
            self.next_tick_us += self.fleet["tick_us"]
            plan = self.fleet["plan"]
            self.wanted = plan[min(now // self.fleet["tick_us"], len(plan) - 1)]
            self.acts_at_us = now + self.fleet["delay_us"]
            self._wake(self.next_tick_us)
            self._wake(self.acts_at_us)
            if self.acts_at_us <= now:
                self._act(now)

    def _turn_to(self, index: int, state: str, now: int) -> None:
        spent = self.spent_us[index]
        spent[self.states[index]] = spent.get(self.states[index], 0) + now - self.since_us[index]
        self.states[index], self.since_us[index], self.until_us[index] = state, now, NEVER_US
        self.instances[index].end_us = max(self.instances[index].end_us, now)

    def _let_go_if_idle(self, index: int, now: int) -> None:
        """An instance that drains is gone when its last request, and its last step, has ended."""
        one = self.instances[index]
        if self.states[index] == "draining" and one.n_in_flight == 0 and one.busy_until_us <= now:
            self._turn_to(index, "absent", max(self.since_us[index], min(now, one.end_us), one.busy_until_us))
            self._renew(index)

    def _act(self, now: int) -> None:
        self.acts_at_us = NEVER_US
        there = [index for index, state in enumerate(self.states) if state in ("loading", "warm")]
        # What loads goes first, then what serves for the shortest time, of equals the last.
        there.sort(key=lambda index: (self.states[index] == "loading", self.since_us[index], index))
        while len(there) > self.wanted:
            index = there.pop()
            if self.states[index] == "loading":
                self._turn_to(index, "absent", now)
                continue
            self._turn_to(index, "draining", now)
            if self.fleet["hands_back"]:
                self._hand_back(index, now)
            self._let_go_if_idle(index, now)
        n_lacking = self.wanted - len(there)
        for index in [index for index, state in enumerate(self.states) if state == "absent"][: max(0, n_lacking)]:
            self._turn_to(index, "loading", now)
            self.until_us[index] = now + self.fleet["load_us"]
            self._wake(self.until_us[index])

    def _kill(self, failure: dict[str, Any], now: int) -> None:
        index = failure["instance"]
        one = self.instances[index]
        ending = [request for request in one.batch + one.returning if request.is_over]
        for request in ending:
            one._learn(request, request.under_way)
            one._complete(request)
        if ending:
            one.end_us = max(one.end_us, one.busy_until_us)
        for request in [*self._forget_events(index, ("reaching", "queueing")), *one.batch, *one.queue, *one.returning]:
            self._take_away(request, now, failure["loses"])
        was = self.states[index]
        self._turn_to(index, "failed", now)
        self._forget_events(index, ("step",))
        self._renew(index)
        if failure["recovers_us"] is not None:
            self.until_us[index] = failure["recovers_us"]
            self._wake(failure["recovers_us"])
        if was == "draining":
            self._turn_to(index, "absent", now)

    def _hand_back(self, index: int, now: int) -> None:
        """What has never been taken goes to the router again."""
        one = self.instances[index]
        pending = self._forget_events(index, ("reaching", "queueing"))
        fresh = [request for request in one.queue if request.scheduling_delay_us is None and not request.preemptions]
        for request in [*pending, *fresh]:
            one.n_in_flight -= 1
            self._take_away(request, now, loses=False)
        one.n_pending -= len(pending)
        one.queue = [request for request in one.queue if request not in fresh]
        if not (one.batch or one.queue or one.returning or one.under_way):
            self._forget_events(index, ("step",))
            one.has_step_due = False

    def _take_away(self, request: Request, now: int, loses: bool) -> None:
        untouched = Request(request.row, 0, [], [], "")
        for name in FORGOTTEN:
            setattr(request, name, getattr(untouched, name))
        request.blocks, request.intervals_us = [], []
        if loses:
            request.status = "lost"
            self._let_followers_come(request, now + REFUSED_PAUSE_US)
            return
        self.n_rerouted += 1
        at_us, rank = now + self.case.get("routing_latency_us", 0), self.routed_as[request.row]
        heapq.heappush(self.events, Event(at_us, 0, BEFORE_ROUTING, rank, "rerouting", request))  # type: ignore[arg-type]

    def _forget_events(self, index: int, kinds: tuple[str, ...]) -> list[Request]:
        """Take events of an instance out of the queue, and return whose they were."""
        gone = [event for event in self.events if event.place == 1 + index and event.kind in kinds]
        self.events = [event for event in self.events if event not in gone]
        heapq.heapify(self.events)
        return [event.request for event in gone if event.request is not None]

    def _renew(self, index: int) -> None:
        """An engine that has just been started, with an empty cache, and the counters of the one before."""
        before = self.instances[index]
        after = Instance(index, self.case, self.latencies[index], self.keys, self.semantics)
        for name in COUNTERS:
            setattr(after, name, getattr(before, name))
        after.pool.hits, after.pool.misses = before.pool.hits, before.pool.misses
        after.last_step_us = before.last_step_us
        self.instances[index] = after


def simulate(case: dict[str, Any], rows: list[dict[str, Any]], semantics: str) -> dict[str, Any]:
    """Run a case: what became of each request, and for how long each instance was in which state."""
    run = FleetSimulator(case, rows, PRESETS[semantics])
    run.run()
    end_us = max(one.end_us for one in run.instances)
    for index, one in enumerate(run.instances):
        has_gone = run.states[index] == "draining" and one.n_in_flight == 0
        run._turn_to(index, "over", max(run.since_us[index], one.end_us) if has_gone else end_us)
    names = ("instance", "ttft_us", "e2e_us", "scheduling_delay_us", "status", "preemptions", "cached_blocks")
    return {
        "requests": [{name: getattr(request, name) for name in names} for request in run.requests],
        "spent_us": [
            {state: spent.get(state, 0) for state in ("loading", "warm", "draining", "failed")}
            for spent in run.spent_us
        ],
        "rerouted": run.n_rerouted,
        "end_us": end_us,
        "steps": [one.steps for one in run.instances],
        "hits": [one.pool.hits for one in run.instances],
        "misses": [one.pool.misses for one in run.instances],
        "intervals": sorted(
            gap for request in run.requests if request.status == "completed" for gap in request.intervals_us
        ),
    }
