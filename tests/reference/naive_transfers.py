"""This file lets the slow simulator divide requests: one instance computes the prompt, another decodes.

`case["divided"]` has the role of each instance, how transfers go, and from how many uncached tokens on a request is
divided.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter
from typing import Any

from tests.reference.naive import RECEIVING, Event, Simulator
from tests.reference.naive_awaiting import AwaitingInstance
from tests.reference.naive_instance import Instance
from tests.reference.naive_request import Keys, Request
from tests.reference.naive_semantics import PRESETS, Semantics

#: Before all other events of the cluster at one moment.
STARTING = -5
SENT = -2


class Leg:
    """What is known of a divided request beside what every request has."""

    def __init__(self, request: Request, prefill: int, decode: int | None, rank: int) -> None:
        self.output = request.output
        self.prefill, self.decode, self.rank = prefill, decode, rank
        self.blocks: list[Any] = []
        self.n_keyed = 0
        self.is_lost = False
        self.is_computed = False
        self.prefilled_us = self.started_us = self.arrives_us = -1
        self.depth = self.n_sent = 0


class DividedInstance(AwaitingInstance):
    """An instance some of whose requests are there for their prompt alone, and some come with their KV."""

    legs: dict[int, Leg]

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.ended: list[Request] = []  # whose prompt is done by the latest step
        self.n_promised = 0
        self.n_held = 0  # whose KV is here and is to leave
        self.n_outgoing = 0

    @property
    def has_moving_kv(self) -> bool:
        """Whether KV comes, goes, or waits to leave."""
        return bool(self.awaiting or self.n_outgoing or self.n_held)

    def is_here_for_prompt(self, request: Request) -> bool:
        leg = self.legs.get(request.row)
        return leg is not None and not leg.is_computed

    def step(self, now: int) -> tuple[int, list[Request]]:
        self.ended = []
        due_us, finished = super().step(now)
        return due_us, [request for request in finished if request not in self.ended]

    def _complete(self, request: Request) -> None:
        if not self.is_here_for_prompt(request):
            super()._complete(request)
            return
        leg = self.legs[request.row]
        if request.status == "queued":  # preempted while its only step was under way: there is nothing to send
            self.returning.remove(request)
            leg.is_lost = True
        else:
            self.batch.remove(request)
        leg.blocks, leg.n_keyed, leg.is_computed = request.blocks, request.n_keyed, True
        request.blocks, request.n_keyed, request.position = [], 0, 0
        request.written = request.under_way = 0
        request.ttft_us = None
        request.is_decoding = request.is_answered = False
        request.output = leg.output
        request.status = "awaiting_transfer"
        self.n_held += 1
        self.ended.append(request)


class DividedSimulator(Simulator):
    """A whole run, routed to the least loaded or in turn."""

    instances: list[DividedInstance]  # type: ignore[assignment]

    def __init__(self, case: dict[str, Any], rows: list[dict[str, Any]], semantics: Semantics) -> None:
        super().__init__(case, rows, semantics)
        self.divided: dict[str, Any] = case["divided"]
        self.legs: dict[int, Leg] = {}
        for instance in self.instances:
            instance.legs = self.legs
        self.turns: dict[str, Counter[int]] = {"decode": Counter(), "prefill": Counter()}
        self.lines: list[list[Request]] = [[] for _ in self.instances]
        self.stay_whole: set[int] = set()
        self.n_returns = self.depth_peak = 0

    def _made_instances(self, keys: Keys) -> list[Instance]:
        return [
            DividedInstance(index, self.case, self.latencies[index], keys, self.semantics)
            for index in range(self.case["instances"])
        ]

    def _those_who(self, role: str) -> list[int]:
        return [index for index, own in enumerate(self.divided["roles"]) if own in (role, "both")]

    def _choose(self, request: Request, part: str, among: list[int]) -> int:
        if self.router.policy == "round-robin":
            turn = self.turns[part][among[0]]
            self.turns[part][among[0]] += 1
            return among[turn % len(among)]
        signals, draw = self.eyes.look_without_reading(0), self.router.draw
        loads = [
            one.load + self.instances[index].n_promised + len(self.instances[index].awaiting)
            for index, one in enumerate(signals)
        ]
        lots = {one: one if draw is None else -draw.lot(request.number, one) for one in among}
        return min(among, key=lambda index: (loads[index], lots[index]))

    def _route(self, request: Request, now: int) -> None:
        self.eyes.look(now)
        decode = self._choose(request, "decode", self._those_who("decode"))
        target = decode
        rank = self.router.n_routed
        self.rank_of[request.row] = rank
        prefillers = [index for index in self._those_who("prefill") if index != decode]
        if prefillers and request.row not in self.stay_whole and self._is_worth_it(request, decode):
            target = self._choose(request, "prefill", prefillers)
            first = decode if self.divided["decode_first"] else None
            self.legs[request.row] = Leg(request, target, first, rank)
            request.output = []
            tiers = self.instances[target].pool.tiers
            request.may_look_again |= tiers is not None and any(store.is_shared for store in tiers.stores)
            if first is not None:
                self.instances[first].n_promised += 1
        else:
            self.legs.pop(request.row, None)
        self.router.n_routed += 1
        request.instance = target
        instance = self.instances[target]
        instance.n_pending += 1
        instance.n_in_flight += 1
        self._schedule(now, "reaching", instance, request)

    def _is_worth_it(self, request: Request, decode: int) -> bool:
        cached = len(self.instances[decode].pool.leading_hits(request.prompt_keys)) * self.case["block_size_tokens"]
        return len(request.prompt) - cached >= self.divided["tokens"]

    def _put(self, time_us: int, place: int, rank: int, order: int, kind: str, request: Request) -> None:
        heapq.heappush(self.events, Event(time_us, place, rank, order, kind, request))

    def _execute_in_cluster(self, event: Event) -> None:
        if event.kind == "rerouting":
            assert event.request is not None
            self._route(event.request, event.time_us)
        elif event.kind == "starting":
            assert event.request is not None
            self._start(event.request, event.time_us)
        else:
            super()._execute_in_cluster(event)

    def _execute_in_instance(self, event: Event, instance: Instance) -> None:
        assert isinstance(instance, DividedInstance)
        request, now = event.request, event.time_us
        if event.kind in ("receiving", "sent"):
            instance.end_us = now
            assert request is not None
            if event.kind == "sent":
                self._release(request, now)
                instance.n_outgoing -= 1
            else:
                instance.receive(request, request.position)
            self._call(instance, now)
            return
        leg = self.legs.get(request.row) if request is not None else None
        super()._execute_in_instance(event, instance)
        if event.kind == "queueing" and request is not None and request.status == "dropped" and leg is not None:
            request.output = leg.output
            if leg.decode is not None:
                self.instances[leg.decode].n_promised -= 1
            del self.legs[request.row]
        if event.kind == "step" and instance.ended:
            # With two steps under way, what ended is known at its end; else all of a step happens at its start.
            end_us = now if instance.has_two_batches else instance.busy_until_us
            for one in instance.ended:
                self.legs[one.row].prefilled_us = end_us
                self._put(end_us + 1, 0, STARTING, self.legs[one.row].rank, "starting", one)
            self._schedule(end_us, "leaving", instance)
            instance.ended = []

    def _release(self, request: Request, now: int, is_loss: bool = False) -> None:
        """Free what is held where the prompt was computed."""
        leg, blocks, n_keyed = self.legs[request.row], request.blocks, request.n_keyed
        request.blocks, request.n_keyed = leg.blocks, leg.n_keyed
        self.instances[leg.prefill].pool.release(request, now, is_loss)
        request.blocks, request.n_keyed, leg.blocks = blocks, n_keyed, []

    def _next_event_us(self, index: int) -> int | None:
        """When an instance has something to do next."""
        instance, times = self.instances[index], []
        for event in self.events:
            if event.place != 1 + index or event.kind == "leaving":
                continue
            delay_us = instance.latency.queueing_us(len(event.request.prompt)) if event.kind == "reaching" else 0  # type: ignore[union-attr]
            times.append(event.time_us + delay_us)
        return min(times, default=None)

    def _start(self, request: Request, now: int) -> None:
        leg = self.legs[request.row]
        if leg.is_lost:
            self._hand_back(request, now)
            return
        if leg.decode is None:
            those = [index for index in self._those_who("decode") if index != leg.prefill]
            if not those:
                self._hand_back(request, now)
                return
            if self.eyes.refresh_us == 0:
                self.eyes._read()
            leg.decode = self._choose(request, "decode", those)
            self.instances[leg.decode].n_promised += 1
        decode, prefill = self.instances[leg.decode], self.instances[leg.prefill]
        if decode._never_fits(request):
            decode.n_promised -= 1
            prefill.n_held -= 1
            prefill.n_in_flight -= 1
            self._release(request, now, is_loss=True)
            self._call(prefill, now)
            request.instance, request.status = leg.decode, "dropped"
            decode.dropped += 1
            self._let_followers_come(request, now + 1)
            return
        line = self.lines[leg.decode]
        if line and line[0] is not request:
            line.append(request)
            return
        hits = decode.pool.leading_hits(request.prompt_keys)
        if len(hits) * decode.block_size == len(request.prompt):
            hits.pop()
        misses, has_keys = decode.pool.misses, decode.pool.has_keys
        decode.pool.has_keys = False  # until it has arrived
        n_spared = decode.n_spared if decode.batch else 0
        is_stored = decode.pool.store(request, len(hits) * decode.block_size, len(request.prompt), hits, n_spared)
        decode.pool.has_keys, decode.pool.misses = has_keys, misses
        request.position = len(request.prompt)
        if not is_stored:
            next_us = self._next_event_us(leg.decode)
            if next_us is None:
                self._hand_back(request, now)
                return
            if not line:
                line.append(request)
            self._put(max(now, next_us) + 1, 0, STARTING, leg.rank, "starting", request)
            return
        self._leave_line(request, now)
        leg.depth = 1 + sum(one.n_outgoing for one in self.instances)
        self.depth_peak = max(self.depth_peak, leg.depth)
        leg.n_sent = len(request.blocks) - len(hits)
        leg.started_us = leg.prefilled_us if now == leg.prefilled_us + 1 else now
        n_bytes = leg.n_sent * decode.block_size * self.divided["token_bytes"]
        moving_us = n_bytes * (leg.depth if self.divided["shares"] else 1) / self.divided["bytes_per_us"]
        if self.divided["layers"]:  # each is sent while the next is computed; at least one is left when all are
            assert request.scheduling_delay_us is not None
            computing_us = leg.prefilled_us - (request.arrival_us + request.scheduling_delay_us)
            moving_us = max(moving_us / self.divided["layers"], moving_us - computing_us)
        leg.arrives_us = leg.started_us + max(1, math.ceil(self.divided["base_us"] + moving_us))
        decode.n_promised -= 1
        prefill.n_held -= 1
        prefill.n_in_flight -= 1
        prefill.n_outgoing += 1
        decode.n_in_flight += 1
        request.instance, request.status = leg.decode, "awaiting_kv"
        decode.awaiting.append(request)
        self._put(leg.arrives_us, 1 + leg.prefill, SENT, leg.rank, "sent", request)
        self._put(leg.arrives_us, 1 + leg.decode, RECEIVING, leg.rank, "receiving", request)

    def _leave_line(self, request: Request, now: int) -> None:
        leg = self.legs[request.row]
        if leg.decode is None or request not in self.lines[leg.decode]:
            return
        line = self.lines[leg.decode]
        line.remove(request)
        if line:
            self._put(now, 0, STARTING, self.legs[line[0].row].rank, "starting", line[0])

    def _hand_back(self, request: Request, now: int) -> None:
        leg = self.legs[request.row]
        prefill = self.instances[leg.prefill]
        self.n_returns += 1
        self.stay_whole.add(request.row)
        self._leave_line(request, now)
        if leg.decode is not None:
            self.instances[leg.decode].n_promised -= 1
        prefill.n_held -= 1
        prefill.n_in_flight -= 1
        self._release(request, now, is_loss=True)
        self._call(prefill, now)
        del self.legs[request.row]
        request.status, request.instance = "not_started", None
        request.scheduling_delay_us = request.cached_blocks = None
        at_us = now + self.case.get("routing_latency_us", 0)
        self._put(at_us, 0, 1, self.rank_of[request.row] - 10**6, "rerouting", request)  # type: ignore[arg-type]


def simulate(case: dict[str, Any], rows: list[dict[str, Any]], semantics: str) -> dict[str, Any]:
    """Run a case: what became of each request, and how its KV moved."""
    run = DividedSimulator(case, rows, PRESETS[semantics])
    run.run()
    names = ("instance", "ttft_us", "e2e_us", "scheduling_delay_us", "status", "preemptions")
    rows_of = []
    for request in run.requests:
        leg = run.legs.get(request.row)
        has_moved = leg is not None and leg.started_us >= 0
        rows_of.append(
            {name: getattr(request, name) for name in names}
            | {
                "started_us": leg.started_us if leg is not None and has_moved else None,
                "arrives_us": leg.arrives_us if leg is not None and has_moved else None,
                "depth": leg.depth if leg is not None and has_moved else 0,
                "sent_blocks": leg.n_sent if leg is not None and has_moved else None,
            }
        )
    return {
        "requests": rows_of,
        "returns": run.n_returns,
        "depth_peak": run.depth_peak,
        "end_us": max(one.end_us for one in run.instances),
        "steps": [one.steps for one in run.instances],
        "hits": [one.pool.hits for one in run.instances],
        "misses": [one.pool.misses for one in run.instances],
        "intervals": sorted(
            gap for request in run.requests if request.status == "completed" for gap in request.intervals_us
        ),
    }
