"""This file is a server some of whose requests wait for KV that comes from elsewhere: from tiers, or another server.

Such a request holds blocks, counts neither as waiting nor as running, and stands at the head of the queue once its KV
is there. Where blocks are lacking, KV that has come and waits is given up, the latest first; where KV that is still
moving holds them, whoever is next waits.
"""

from __future__ import annotations

from typing import Any

from tests.reference.naive_cache import Block
from tests.reference.naive_instance import Instance
from tests.reference.naive_latency import Share
from tests.reference.naive_request import Request
from tests.reference.naive_tiers import Store


class AwaitingInstance(Instance):
    """One server. Whoever runs it schedules the arrivals of KV in `begun`, and says when they are there."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.awaiting: list[Request] = []
        self.loaded: list[Request] = []  # waiting requests whose KV is here, in the order of coming
        self.begun: list[tuple[int, Request]] = []  # loads that the latest step has begun, and when they end
        self.is_stalled = False

    @property
    def has_moving_kv(self) -> bool:
        """Whether KV comes, goes, or waits to leave."""
        return bool(self.awaiting)

    def receive(self, request: Request, n_tokens: int) -> None:
        """KV of so many tokens is here."""
        self.awaiting.remove(request)
        self.pool.give_keys(request, n_tokens)
        request.status = "queued"
        self.queue.insert(0, request)
        self.loaded.append(request)

    def call(self, now: int) -> int | None:
        """When a step is due that somebody who waits calls for; None: one is due already, or nobody waits."""
        if self.has_step_due or not (self.queue or self.batch):
            return None
        self.has_step_due = True
        return max(now, self.busy_until_us)

    def _served(self, now: int) -> list[tuple[Request, Share]] | None:
        while True:
            served = self._served_beside(now)
            if served or served is None:
                return served

    def _served_beside(self, now: int) -> list[tuple[Request, Share]] | None:
        preempted_before = self.preemptions
        self.is_stalled = False
        served = self._form_batch(now)
        if served:
            return served
        is_final = self.preemptions == preempted_before  # who gave way may be taken at once
        is_idle = is_final and not self.batch and self.has_moving_kv
        return None if is_idle or self.is_stalled or not (self.batch or self.queue or self.returning) else served

    def _take(self, request: Request, most: int, now: int) -> Share | None:
        while True:
            taken = self._taken(request, most, now)
            if taken is not None or self.batch or not self.loaded:
                return taken
            self._give_up(now)

    def _taken(self, request: Request, most: int, now: int) -> Share | None:
        if request not in self.loaded:
            return super()._take(request, most, now)
        if request.position == request.known:  # all is here; its last token is computed again to get the next
            self.loaded.remove(request)
            request.position -= 1
            return Share(False, 1, request.position, request.known)
        start = request.position
        n = min(request.known - start, most)
        if not self._has_room_behind(request):
            return None
        if not self.pool.store(request, start, start + n, [], self.n_spared if self.batch else 0):
            return None
        self.loaded.remove(request)
        return self._share(request, start, n, start)

    def _has_room_behind(self, request: Request) -> bool:
        """Whether all of its text has room, if that is asked for."""
        n_needed = -(-request.known // self.block_size) - len(request.blocks)
        return not self.reserves or n_needed + (self.n_spared if self.batch else 0) <= len(self.pool.free)

    def _begin_load(
        self, request: Request, hits: list[Block], loaded: list[Store], keys: list[int], most: int, now: int
    ) -> Share | None:
        assert self.pool.tiers is not None
        n_blocks = len(hits) + len(loaded)
        n_spared = self.n_spared if self.batch else 0
        # As for whoever is taken: all of the text must have room, or what is loaded and the first chunk behind it.
        n_behind = request.known - n_blocks * self.block_size
        n_needed = len(loaded) + -(-(n_behind if self.reserves else min(n_behind, most)) // self.block_size)
        if n_needed + n_spared > self.pool.free_after(hits):
            return None
        start, end = len(hits) * self.block_size, n_blocks * self.block_size
        if not self.pool.has_room(request, start, end, hits, n_spared):
            return None
        self.pool.tiers.use([block.content for block in hits])
        self.begun.append((self.pool.tiers.load(loaded, keys, now), request))
        has_keys = self.pool.has_keys
        self.pool.has_keys = False  # until they have come
        self.pool.store(request, start, end, hits)
        self.pool.has_keys = has_keys
        request.cached_blocks = n_blocks
        request.position = n_blocks * self.block_size
        request.status = "awaiting_kv"
        self.awaiting.append(request)
        return Share(False, 0, 0, 0)

    def _gives_up_kv(self, now: int) -> bool:
        if len(self.batch) != 1 or not self.loaded:
            return False
        self._give_up(now)
        return True

    def _has_to_wait(self, request: Request) -> bool:
        if len(self.batch) == 1 and self.has_moving_kv and not request.is_decoding:
            self.is_stalled = True
        return self.is_stalled

    def _give_up(self, now: int) -> None:
        loser = self.loaded.pop()
        self.pool.release(loser, now, is_loss=True)
        loser.position = 0
