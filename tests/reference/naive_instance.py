"""This file is one server: its queue, its batch, and what a step does."""

from __future__ import annotations

from typing import Any

from tests.reference.naive_cache import BlockPool
from tests.reference.naive_latency import Affine, Priced, Roofline, Share
from tests.reference.naive_priority import priority_of
from tests.reference.naive_request import Keys, Request
from tests.reference.naive_semantics import Semantics


class Instance:
    """One server. The loop in naive.py owns its events and tells it what happens when."""

    def __init__(
        self,
        index: int,
        case: dict[str, Any],
        latency: Affine | Roofline | Priced,
        keys: Keys,
        semantics: Semantics,
    ) -> None:
        self.index = index
        self.semantics = semantics
        self.latency = latency
        self.block_size: int = case["block_size_tokens"]
        own = case | (case["pools"][index] if "pools" in case else {})
        self.max_running: int = own["max_running_requests"]
        self.step_budget: int = own["step_token_budget"]
        self.threshold: int = own["long_prefill_threshold"]
        self.longest: int = own.get("max_model_len", 0)  # of prompt and output; 0: none
        self.scheduler: str = case["scheduler"]
        priority = case["priority_policy"]
        self.priority_policy = {"policy": priority} if isinstance(priority, str) else priority
        self.preemption: str = case.get("preemption", "newest")
        self.pool = BlockPool(own["kv_blocks_per_instance"], self.block_size, keys, semantics)

        self.queue: list[Request] = []
        self.batch: list[Request] = []
        self.n_pending = 0  # routed here, not yet queued
        self.n_in_flight = 0  # routed here, neither completed nor dropped
        self.has_step_due = False
        self.busy_until_us = 0
        self.last_step_us = 0

        self.end_us = 0
        self.input_tokens = 0
        self.completed: list[Request] = []
        self.dropped = 0
        self.preemptions = 0
        self.steps = 0
        self.sum_queue = 0
        self.sum_batch = 0
        self.peak_blocks = 0
        self.allocation_failures = 0

    def enqueue(self, request: Request, now: int) -> int | None:
        """Put a request into the queue, or drop it; the time of a step that must now be scheduled, if any."""
        self.n_pending -= 1
        if self._never_fits(request):
            request.status = "dropped"
            self.dropped += 1
            self.n_in_flight -= 1
            return None
        request.status = "queued"
        self.queue.append(request)
        self.input_tokens += len(request.prompt)
        if self.has_step_due:
            return None
        self.has_step_due = True
        return max(now, self.busy_until_us) if self.semantics.busy_until_step_end else now

    def step(self, now: int) -> tuple[int, bool]:
        """Run a step, which happens entirely at its start; its end, and whether a request completed."""
        served = self._form_batch(now)
        self.steps += 1
        self.sum_queue += len(self.queue)
        self.sum_batch += len(self.batch)
        self.peak_blocks = max(self.peak_blocks, self.pool.n_used)

        step_us = self.latency.step_us([share for _, share in served])
        for request, share in served:
            self._advance(request, share, now, step_us)
        finished = [request for request in self.batch if request.position == request.final_position]
        for request in finished:
            self._complete(request)

        self.has_step_due = bool(self.batch or self.queue)
        self.busy_until_us = now + step_us
        self.last_step_us = step_us
        return now + step_us, bool(finished)

    def _never_fits(self, request: Request) -> bool:
        n_tokens = len(request.prompt)
        if self.semantics.drop_if_output_never_fits:
            n_tokens = request.final_position  # the final token needs no room
            if self.longest and len(request.prompt) + max(1, len(request.output)) > self.longest:
                return True
        return -(-n_tokens // self.block_size) > self.pool.n_blocks

    def _order_queue(self, now: int) -> None:
        # Requests of a linear priority age alike, so that any moment gives their order; the engine takes time 0.
        at = 0 if self.priority_policy["policy"] == "linear" else now
        for request in self.queue:
            request.priority = priority_of(self.priority_policy, request, self, at)
        if self.scheduler == "sjf":
            self.queue.sort(key=lambda r: (len(r.prompt), r.arrival_us, r.name))
        elif self.scheduler == "priority-fcfs":
            self.queue.sort(key=lambda r: (-r.priority, r.arrival_us, r.name))
        elif self.scheduler == "reverse-priority":
            self.queue.sort(key=lambda r: (r.priority, r.arrival_us, r.name))
        elif self.scheduler != "fcfs":
            raise ValueError(f"unknown scheduler {self.scheduler!r}")

    def _form_batch(self, now: int) -> list[tuple[Request, Share]]:
        """Serve running requests, then take waiting ones; who was served, in batch order."""
        budget = self.step_budget
        served: list[tuple[Request, Share]] = []
        preempted_before = self.preemptions

        index = 0
        while index < len(self.batch) and budget > 0:
            request = self.batch[index]
            is_prompt = request.position < len(request.prompt)
            n = self._chunk(len(request.prompt) - request.position, budget) if is_prompt else 1
            if not self.pool.store(request, request.position, request.position + n, []):
                self._preempt(self._victim(index, now))
                continue
            served.append((request, Share(is_prompt, n, request.position, len(request.prompt))))
            budget -= n
            index += 1

        if self.preemptions == preempted_before and budget > 0 and len(self.batch) < self.max_running:
            self._order_queue(now)
        while self.preemptions == preempted_before and self.queue and budget > 0 and len(self.batch) < self.max_running:
            request = self.queue[0]
            share = self._take(request, budget)
            if share is None:
                break
            self.queue.pop(0)
            self.batch.append(request)
            request.status = "running"
            request.scheduling_delay_us = now - request.arrival_us
            served.append((request, share))
            budget -= share.new_tokens
        return served

    def _chunk(self, n_left: int, budget: int) -> int:
        return min(n_left, self.threshold or n_left, budget)

    def _take(self, request: Request, budget: int) -> Share | None:
        """Give the head of the queue its cached blocks and room for its first chunk; None: no room."""
        n_prompt = len(request.prompt)
        hits = self.pool.leading_hits(request.prompt_keys)
        if len(hits) * self.block_size == n_prompt and self.semantics.recompute_last_block:
            hits.pop()
        start = len(hits) * self.block_size
        n = self._chunk(n_prompt - start, budget)
        held = hits if n > 0 else []  # nothing is held where nothing is computed
        if not self.pool.store(request, start, start + n, held):
            return None
        request.cached_blocks = len(hits)
        request.position = start
        history = start if self.semantics.cached_tokens_are_history else 0
        return Share(True, n, history, n_prompt)

    def _victim(self, first: int, now: int) -> Request:
        """Who gives way, among the members that were not yet served in this step."""
        if self.preemption == "newest":
            return self.batch[-1]
        if self.preemption != "lowest-priority":
            raise ValueError(f"unknown preemption policy {self.preemption!r}")
        ranked = [(priority_of(self.priority_policy, self.batch[place], self, now), -place)
                  for place in range(first, len(self.batch))]  # fmt: skip
        return self.batch[-min(ranked)[1]]

    def _preempt(self, victim: Request) -> None:
        """Start again from nothing, at the front; the earlier ttft stays until it is taken again."""
        self.batch.remove(victim)
        self.pool.release(victim)
        victim.position = 0
        victim.intervals_us = []
        victim.status = "queued"
        victim.preemptions += 1
        self.preemptions += 1
        self.queue.insert(0, victim)

    def _advance(self, request: Request, share: Share, now: int, step_us: int) -> None:
        end = now + step_us
        if share.is_prompt:
            request.position += share.new_tokens
            if request.position == len(request.prompt):
                request.ttft_us = end + self.latency.per_token_us - request.arrival_us
                request.last_token_us = end
            return
        request.position += 1
        since = end - request.last_token_us if self.semantics.waiting_counts_in_e2e else step_us
        request.intervals_us.append(since + self.latency.per_token_us)
        request.last_token_us = end

    def _complete(self, request: Request) -> None:
        """Store the final token if there is room, then free everything."""
        if request.output:
            position = request.final_position
            if not self.pool.store(request, position, position + 1, []):
                self.allocation_failures += 1
        self.pool.release(request)
        self.batch.remove(request)
        assert request.ttft_us is not None
        request.e2e_us = request.ttft_us + sum(request.intervals_us)
        if request.output:
            request.e2e_us += self.latency.completion_us
        request.status = "completed"
        self.completed.append(request)
        self.n_in_flight -= 1
