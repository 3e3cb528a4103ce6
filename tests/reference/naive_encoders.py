"""This file lets the slow simulator encode images: with the prompts that need them, or on instances that do only that.

`case["encoder"]` has what a pass takes, how embeddings go, and whether requests with images are encoded apart; the
roles of instances are those of `case["divided"]`, and rows have `image_tokens`.
"""

from __future__ import annotations

import math
from typing import Any

from tests.reference.naive import RANKS, Event
from tests.reference.naive_instance import Instance
from tests.reference.naive_latency import Share
from tests.reference.naive_request import Keys, Request
from tests.reference.naive_semantics import PRESETS, Semantics
from tests.reference.naive_transfers import DividedInstance, DividedSimulator

#: After the transfers of one moment, and before all other events of the cluster.
PASSING, ARRIVING = -4, -3


class Media:
    """What is known of a request's images."""

    def __init__(self, tokens: int) -> None:
        self.tokens = tokens
        self.n_encoded = 0
        self.is_here = False  # the embeddings have come to where the prompt is computed
        self.encoder: int | None = None
        self.sent_us = self.started_us = self.encoded_us = self.arrives_us = -1
        self.depth = 0


class EncodingInstance(DividedInstance):
    """An instance whose steps encode what their prompts need."""

    media: dict[int, Media]
    encoder: dict[str, Any]
    n_passes = 0
    n_encoded = 0
    replayed: list[Request]  # whose KV is here: their last token is computed again, which is a decode

    def pass_us(self, tokens: int) -> int:
        self.n_passes += 1
        self.n_encoded += tokens
        return math.ceil(self.encoder["base_us"] + self.encoder["token_us"] * tokens)

    def _taken(self, request: Request, most: int, now: int) -> Share | None:
        has_come = request in self.loaded and request.position == request.known
        share = super()._taken(request, most, now)
        if has_come:
            self.replayed.append(request)
        return share

    def _account(self, served: list[tuple[Request, Share]], start_us: int) -> int:
        tokens = 0
        for request, share in served:
            if request in self.replayed or request.is_decoding:
                continue
            media, n_prompt = self.media[request.row], len(request.prompt)
            start, end = (
                media.tokens * min(position, n_prompt) // n_prompt
                for position in (request.position, request.position + share.new_tokens)
            )
            start = max(start, media.n_encoded)
            media.n_encoded = max(start, end)
            tokens += media.n_encoded - start
        self.replayed.clear()
        step_us = super()._account(served, start_us)
        if tokens:
            step_us += self.pass_us(tokens)
        self.last_step_us = step_us
        return step_us


class EncodingSimulator(DividedSimulator):
    """A whole run with images."""

    instances: list[EncodingInstance]  # type: ignore[assignment]

    def __init__(self, case: dict[str, Any], rows: list[dict[str, Any]], semantics: Semantics) -> None:
        super().__init__(case, rows, semantics)
        self.encoder: dict[str, Any] = case["encoder"]
        self.media = {request.row: Media(row["image_tokens"]) for request, row in zip(self.requests, rows, strict=True)}
        for instance in self.instances:
            instance.media, instance.encoder, instance.replayed = self.media, self.encoder, []
        self.turns["encode"] = type(self.turns["decode"])()
        self.n_moving = 0
        self.depths: list[int] = []

    def _made_instances(self, keys: Keys) -> list[Instance]:
        return [
            EncodingInstance(index, self.case, self.latencies[index], keys, self.semantics)
            for index in range(self.case["instances"])
        ]

    def _schedule(
        self, time_us: int, kind: str, instance: Instance | None = None, request: Request | None = None
    ) -> None:
        if kind == "reaching" and request is not None and self._goes_apart(request):
            self._send_to_encoder(request, time_us)
        elif kind == "queueing" and request is not None and instance is not None:
            # Of two in one microsecond the one that was routed first, whenever their embeddings came.
            self._put(time_us, 1 + instance.index, RANKS[kind], self.rank_of[request.row], kind, request)
        else:
            super()._schedule(time_us, kind, instance, request)

    def _goes_apart(self, request: Request) -> bool:
        media = self.media[request.row]
        return self.encoder["apart"] and media.tokens > 0 and not media.is_here and "encode" in self.divided["roles"]

    def _send_to_encoder(self, request: Request, now: int) -> None:
        media = self.media[request.row]
        those = [index for index, role in enumerate(self.divided["roles"]) if role == "encode"]
        media.encoder = self._choose(request, "encode", those)
        media.sent_us, request.status = now, "encoding"
        encoder = self.instances[media.encoder]
        encoder.queue.append(request)
        encoder.end_us = now
        if not encoder.batch:
            self._begin_pass(encoder, now)

    def _begin_pass(self, encoder: EncodingInstance, now: int) -> None:
        tokens = 0
        while encoder.queue and len(encoder.batch) < encoder.max_running:
            own = self.media[encoder.queue[0].row].tokens
            if encoder.batch and tokens + own > encoder.step_budget:
                break
            tokens += own
            request = encoder.queue.pop(0)
            self.media[request.row].started_us = now
            encoder.batch.append(request)
        taken_us = max(1, encoder.pass_us(tokens))
        self._put(now + taken_us, 0, PASSING, encoder.index, f"pass {encoder.index}", encoder.batch[0])

    def _execute_in_cluster(self, event: Event) -> None:
        assert event.request is not None
        if event.kind.startswith("pass"):
            self._end_pass(self.instances[int(event.kind.split()[1])], event.time_us)
        elif event.kind == "arriving":
            self._receive(event.request, event.time_us)
        else:
            super()._execute_in_cluster(event)

    def _end_pass(self, encoder: EncodingInstance, now: int) -> None:
        for request in encoder.batch:
            media = self.media[request.row]
            self.n_moving += 1
            media.depth, media.encoded_us = self.n_moving, now
            self.depths.append(media.depth)
            n_bytes = media.tokens * self.encoder["embedding_bytes"]
            moving_us = n_bytes * (media.depth if self.encoder["shares"] else 1) / self.encoder["bytes_per_us"]
            media.arrives_us = now + max(1, math.ceil(self.encoder["move_base_us"] + moving_us))
            request.status = "awaiting_embeddings"
            self._put(media.arrives_us, 0, ARRIVING, self.rank_of[request.row], "arriving", request)
        encoder.batch.clear()
        encoder.end_us = now
        if encoder.queue:
            self._begin_pass(encoder, now)

    def _receive(self, request: Request, now: int) -> None:
        media = self.media[request.row]
        self.n_moving -= 1
        media.n_encoded, media.is_here = media.tokens, True
        request.status = "not_started"
        assert request.instance is not None
        self._schedule(now, "reaching", self.instances[request.instance], request)

    def _start(self, request: Request, now: int) -> None:
        super()._start(request, now)
        if request.status == "awaiting_kv":  # its embeddings stay where its prompt was computed
            self.media[request.row].n_encoded = 0

    def _hand_back(self, request: Request, now: int) -> None:
        super()._hand_back(request, now)
        self.media[request.row] = Media(self.media[request.row].tokens)


def simulate(case: dict[str, Any], rows: list[dict[str, Any]], semantics: str) -> dict[str, Any]:
    """Run a case: what became of each request, and where and when its images were encoded."""
    run = EncodingSimulator(case, rows, PRESETS[semantics])
    run.run()
    names = ("instance", "ttft_us", "e2e_us", "scheduling_delay_us", "status", "preemptions")
    times = ("sent_us", "started_us", "encoded_us", "arrives_us")
    rows_of = []
    for request in run.requests:
        media, leg = run.media[request.row], run.legs.get(request.row)
        seen = {name: getattr(media, name) if getattr(media, name) >= 0 else None for name in times}
        moved = leg is not None and leg.started_us >= 0
        rows_of.append(
            {name: getattr(request, name) for name in names}
            | {"encoder": media.encoder, "depth": media.depth, **seen}
            | {"kv_arrives_us": leg.arrives_us if leg is not None and moved else None}
        )
    return {
        "requests": rows_of,
        "passes": [one.n_passes for one in run.instances],
        "tokens": [one.n_encoded for one in run.instances],
        "depths": [len(run.depths), sum(run.depths), max(run.depths, default=0)],
        "end_us": max(one.end_us for one in run.instances),
        "steps": [one.steps for one in run.instances],
        "hits": [one.pool.hits for one in run.instances],
        "intervals": sorted(
            gap for request in run.requests if request.status == "completed" for gap in request.intervals_us
        ),
    }
