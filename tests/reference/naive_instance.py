"""This file is one server: its queue, its batch, and what a step does."""

from __future__ import annotations

from typing import Any, NamedTuple

from tests.reference.naive_adapters import Adapters
from tests.reference.naive_cache import Block, BlockPool
from tests.reference.naive_drafts import Drafts
from tests.reference.naive_latency import Affine, Priced, Roofline, Share
from tests.reference.naive_ledger import Ledger
from tests.reference.naive_order import order_of
from tests.reference.naive_priority import priority_of
from tests.reference.naive_request import Keys, Request
from tests.reference.naive_semantics import Semantics
from tests.reference.naive_swap import Host
from tests.reference.naive_tiers import Store

#: What a request does not take from a life that ended to the next one.
FORGOTTEN = (
    "status", "instance", "position", "written", "under_way", "has_drafts", "steps_under_way", "is_decoding",
    "is_answered", "n_unheld", "n_keyed", "ttft_us", "e2e_us", "scheduling_delay_us", "cached_blocks",
)  # fmt: skip


class Step(NamedTuple):
    """Who was served in a step that has not ended yet."""

    end_us: int
    served: list[Request]
    sampled: set[int]  # rows of those that get a token from it


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
        scheduling = case["scheduler"]
        self.scheduling: dict[str, Any] = {"policy": scheduling} if isinstance(scheduling, str) else scheduling
        self.scheduler: str = self.scheduling["policy"]
        self.ledger = Ledger()
        priority = case["priority_policy"]
        self.priority_policy = {"policy": priority} if isinstance(priority, str) else priority
        self.preemption: str = case.get("preemption", "newest")
        self.drafts = Drafts(own.get("speculative"), case.get("seed", 0))
        self.adapters = Adapters(case.get("lora"), index)
        self.host = Host(case["swap"], self.block_size) if case.get("swap") else None
        self.has_two_batches: bool = _given(own, "async_scheduling", semantics.two_batches and self.drafts.width == 0)
        self.reserves: bool = _given(own, "reserve_full_isl", semantics.whole_prompt_must_fit)
        # vLLM counts the block that it keeps for itself.
        self.n_spared = int((own.get("kv_watermark") or 0.0) * (own["kv_blocks_per_instance"] + 1))
        has_keys: bool = _given(own, "prefix_caching", True)
        self.pool = BlockPool(
            own["kv_blocks_per_instance"], self.block_size, keys, semantics, has_keys, case.get("eviction", "lru")
        )

        self.queue: list[Request] = []
        self.returning: list[Request] = []  # preempted while a step that serves them was under way
        self.under_way: list[Step] = []
        self.batch: list[Request] = []
        self.n_pending = 0  # routed here, not yet queued
        self.n_in_flight = 0  # routed here, neither completed nor dropped
        self.has_step_due = False
        self.busy_until_us = 0
        self.last_step_us = 0
        self.waits_us = 0  # how long the step in the making waits for what its requests load

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
            request.is_answered = True
            self.dropped += 1
            self.n_in_flight -= 1
            return None
        request.status = "queued"
        self._let_tenant_in(request)
        self.queue.append(request)
        self.input_tokens += len(request.prompt)
        if self.has_step_due:
            return None
        self.has_step_due = True
        return max(now, self.busy_until_us) if self.semantics.busy_until_step_end else now

    @property
    def n_waiting(self) -> int:
        """Requests that wait to be taken, those included that cannot be taken yet."""
        return len(self.queue) + len(self.returning)

    def step(self, now: int) -> tuple[int, list[Request]]:
        """Do what is due now; when to come again, and who has got, or will get, the last token by what was begun."""
        return self._turn(now) if self.has_two_batches else self._single_step(now)

    def _single_step(self, now: int) -> tuple[int, list[Request]]:
        """Run a step, which happens entirely at its start."""
        served = self._served(now)
        if served is None:
            self.has_step_due = False
            return now, []
        step_us = self._account(served, now)
        for request, share in served:
            self._advance(request, share, now, now + step_us)
        finished = [request for request in self.batch if request.is_over]
        for request in finished:
            self._learn(request, request.under_way)
            self._complete(request)
        for request, _ in served:
            self._learn(request, request.under_way)
        self.has_step_due = bool(self.batch or self.queue)
        self.busy_until_us = now + step_us
        return now + step_us, finished

    def _served(self, now: int) -> list[tuple[Request, Share]] | None:
        """Form batches until somebody is served, where steps that serve nobody take no time; None: not now."""
        served = self._form_batch(now)
        while not served and (self.batch or self.queue) and self.semantics.empty_step_is_free:
            served = self._form_batch(now)
        return served

    def _served_beside(self, now: int) -> list[tuple[Request, Share]] | None:
        """Form a batch while another may be under way; None: none can be formed now."""
        return self._form_batch(now)

    def _gives_up_kv(self, now: int) -> bool:
        """Let KV go that has come for somebody who waits, for one who runs alone; whether there was any."""
        return False

    def _has_to_wait(self, request: Request) -> bool:
        """Whether one who lacks blocks waits for KV to go, instead of giving way."""
        return False

    def _turn(self, now: int) -> tuple[int, list[Request]]:
        """End the step that ends now, and compose steps until two are under way or one finds nobody to serve."""
        while self.under_way and self.under_way[0].end_us <= now:
            self._end(self.under_way.pop(0))
        ending = []
        while len(self.under_way) < 2 and (self.batch or self.queue or self.returning):
            served = self._served_beside(now)
            if not served:
                if self.under_way or served is None:
                    break
                continue
            start_us = max(now, self.busy_until_us)
            end_us = start_us + self._account(served, start_us)
            sampled = set()
            for request, share in served:
                before = request.under_way
                self._advance(request, share, start_us, end_us)
                request.steps_under_way += 1
                if request.under_way > before:
                    sampled.add(request.row)
                    if request.is_over:
                        ending.append(request)
            self.under_way.append(Step(end_us, [request for request, _ in served], sampled))
            self.busy_until_us = end_us
        self.has_step_due = bool(self.under_way)
        return self.under_way[0].end_us if self.under_way else now, ending

    def _end(self, step: Step) -> None:
        """The tokens of a step are known."""
        for request in step.served:
            request.steps_under_way -= 1
            if request.row in step.sampled:
                self._learn(request)
                if request.status == "running":
                    self.pool.give_keys(request, request.position - request.under_way)
                if request.written == max(len(request.output), 1):
                    self._complete(request)
        for request in [one for one in self.returning if one.steps_under_way == 0]:
            self.returning.remove(request)
            self.queue.insert(0, request)

    def _account(self, served: list[tuple[Request, Share]], start_us: int) -> int:
        """Count a step; how long it takes."""
        if self.host:
            self.waits_us = max(self.waits_us, self.host.until_us - start_us)
        self.steps += 1
        self.sum_queue += self.n_waiting
        self.sum_batch += len(self.batch)
        self.peak_blocks = max(self.peak_blocks, self.pool.n_used)
        self.last_step_us = self.latency.step_us([share for _, share in served]) + self.waits_us
        self.waits_us = 0
        if any(share.n_drafts for _, share in served):
            self.last_step_us += self.drafts.step_us
        self.last_step_us += self.adapters.step_us((one, share.new_tokens) for one, share in served)
        return self.last_step_us

    def _most_drafts(self, request: Request) -> int:
        """Drafts behind the last known token: they end where the longest sequence, or the whole memory, does."""
        end = self.pool.n_blocks * self.block_size
        if self.longest:
            end = min(end, self.longest - 1)
        return min(self.drafts.width, end - request.position - 1)

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
        if self.scheduler != "fcfs":
            self.queue.sort(key=lambda r: (order_of(self.scheduling, r, self, now), r.arrival_us, r.name))

    def _form_batch(self, now: int) -> list[tuple[Request, Share]]:
        """Serve running requests, then take waiting ones; who was served, in batch order."""
        budget = self.step_budget
        served: list[tuple[Request, Share]] = []
        preempted_before = self.preemptions
        index = 0
        while index < len(self.batch) and budget > 0:
            request = self.batch[index]
            if request.is_over:  # its last token is under way
                index += 1
                continue
            n_left = request.known + request.under_way - request.position
            n_left += self._most_drafts(request) if request.has_drafts else 0
            share = self._share(request, request.position, self._chunk(n_left, budget))
            if request.has_drafts:
                share = share._replace(n_drafts=share.new_tokens - 1)
            end = request.position + share.new_tokens - share.n_drafts
            while not self.pool.store(request, request.position, end, [], n_drafts=share.n_drafts):
                if self._gives_up_kv(now):
                    continue
                if self._has_to_wait(request):
                    return []
                victim = self._victim(0 if self.semantics.victims_are_all else index, now)
                index -= self.batch.index(victim) < index
                budget += sum(other.new_tokens for one, other in served if one is victim)
                served = [(one, other) for one, other in served if one is not victim]
                self._preempt(victim, now)
                if victim is request:
                    break
            if request.status == "running":
                served.append((request, share))
                budget -= share.new_tokens
                index += 1
            elif self.semantics.victims_are_all:
                break

        if self.preemptions == preempted_before and budget > 0 and len(self.batch) < self.max_running:
            self._order_queue(now)
        while self.preemptions == preempted_before and self.queue and budget > 0 and len(self.batch) < self.max_running:
            request = next((one for one in self.queue if self.adapters.has_slot_for(one)), None)
            taken = self._take(request, self._chunk(budget, budget), now) if request else None
            if request is None or taken is None:
                break
            self.queue.remove(request)
            if request.status == "awaiting_kv":  # it waits for what it loads
                continue
            self.adapters.take(request)
            self.batch.append(request)
            request.status = "running"
            if request.scheduling_delay_us is None:
                self.ledger.prompts[request.tenant] += len(request.prompt)
            if request.scheduling_delay_us is None or not self.semantics.preempted_keeps_output:
                request.scheduling_delay_us = now - request.arrival_us
            served.append((request, taken))
            budget -= taken.new_tokens
            if self.scheduler in ("vtc", "las"):
                self._order_queue(now)
        return served

    def _chunk(self, n_left: int, budget: int) -> int:
        """How many tokens of so many one request may compute; the threshold holds only where another runs or waits."""
        has_company = len(self.batch) + self.n_waiting > 1
        threshold = self.threshold if has_company or not self.semantics.threshold_needs_company else 0
        return min(n_left, threshold or n_left, budget)

    def _share(self, request: Request, start: int, n: int, history: int | None = None) -> Share:
        """What computing `n` tokens is charged as: from the last known token on it is a decode, whoever wrote that."""
        n_text = request.known + request.under_way
        is_decode = start >= len(request.prompt) and start == n_text - 1
        return Share(not is_decode, n, start if history is None else history, n_text)

    def _let_tenant_in(self, request: Request) -> None:
        """A tenant that sends again after nobody of it waited catches up with those that have somebody waiting."""
        waiting = {one.tenant for one in self.queue}
        if request.tenant not in waiting:
            weights = self.scheduling.get("input_weight", 1.0), self.scheduling.get("output_weight", 2.0)
            self.ledger.lift(request.tenant, waiting, weights)

    def uncached_tokens(self, request: Request) -> int:
        """What a request has to compute before its next token."""
        if request.status == "running":
            return request.known + request.under_way - request.position
        keys = self.pool.keys.of_whole_blocks(request.text, self.block_size)
        start = len(self.pool.leading_hits(keys)) * self.block_size
        return max(1, request.known - max(start, self.host.n_tokens_of(request) if self.host else 0))

    def _take(self, request: Request, most: int, now: int) -> Share | None:
        """Give the head of the queue its cached blocks, those of tiers, and room for its first chunk; None: no room."""
        keys = self.pool.keys.of_whole_blocks(request.text, self.block_size) if request.written else request.prompt_keys
        hits = self.pool.leading_hits(keys)
        if len(hits) * self.block_size == request.known and self.semantics.recompute_last_block:
            hits.pop()
        last = (request.known - 1) // self.block_size
        n_kept = self.host.n_tokens_of(request) if self.host else 0
        looks_beneath = self.pool.tiers if self.pool.has_keys and n_kept == 0 else None
        loaded = looks_beneath.find(keys[len(hits) : last]) if looks_beneath else []
        start = max(n_kept, (len(hits) + len(loaded)) * self.block_size)
        if loaded and self.pool.tiers and self.pool.tiers.loads_apart:
            return self._begin_load(request, hits, loaded, keys[len(hits) :], most, now)
        n = min(request.known - start, most)
        held = hits if n > 0 else []  # nothing is held where nothing is computed
        n_spared = self.n_spared if self.batch else 0
        if self.reserves:
            n_needed = -(-request.known // self.block_size) - len(hits) + n_spared
            if n_needed > self.pool.free_after(held):
                return None
        request.n_unheld = start if n == 0 else 0
        if not self.pool.has_room(request, len(hits) * self.block_size, start + n, held, n_spared):
            return None
        if self.pool.tiers and n_kept == 0:
            self.pool.tiers.use([block.content for block in hits])
        if loaded and self.pool.tiers:
            begin_us = self._begin_us(now)
            self.waits_us = max(self.waits_us, self.pool.tiers.load(loaded, keys[len(hits) :], begin_us) - begin_us)
        if len(hits) * self.block_size < start:
            self.pool.store(request, len(hits) * self.block_size, start, held)
            held = []
        self.pool.store(request, start, start + n, held)
        if n_kept:
            assert self.host is not None
            self.host.give_back(request, len(hits), self._begin_us(now))
        else:
            request.cached_blocks = len(hits) + len(loaded)
        request.position = start
        return self._share(request, start, n, start if self.semantics.cached_tokens_are_history else 0)

    def _begin_us(self, now: int) -> int:
        """When a step that is composed now begins."""
        return max(now, self.busy_until_us) if self.has_two_batches else now

    def _computing_us(self, victim: Request) -> int:
        """What computing again all that a victim has stored adds to a step that computes the rest of its text."""
        n, text = victim.position, victim.known + victim.under_way
        whole, rest = Share(True, text, 0, text), Share(True, text - n, n, text)
        return self.latency.step_us([whole]) - self.latency.step_us([rest])

    def _begin_load(
        self, request: Request, hits: list[Block], loaded: list[Store], keys: list[int], most: int, now: int
    ) -> Share | None:
        """Reserve blocks for what a request loads, and let it wait; None: no room."""
        raise NotImplementedError

    def _victim(self, first: int, now: int) -> Request:
        """Who gives way, among the members from a place on."""
        if self.preemption == "newest":
            return self.batch[-1]
        if self.preemption != "lowest-priority":
            raise ValueError(f"unknown preemption policy {self.preemption!r}")
        ranked = [(priority_of(self.priority_policy, one, self, now), -one.arrival_us, -one.row)
                  for one in self.batch[first:]]  # fmt: skip
        return self.batch[first + ranked.index(min(ranked))]

    def _preempt(self, victim: Request, now: int) -> None:
        """Give up the blocks and wait at the front; what was written stays, or everything starts again."""
        if self.host and not victim.is_over:
            self.host.put(victim, victim.position, self._computing_us(victim), self._begin_us(now))
        self.batch.remove(victim)
        self.adapters.leave(victim)
        self.pool.release(victim, self._leaves_us(victim) if victim.is_over else now, is_loss=True)
        victim.position = 0
        victim.n_unheld = 0
        victim.has_drafts = False
        victim.is_decoding = False
        if not self.semantics.preempted_keeps_output:
            victim.written = 0
            victim.intervals_us = []
        victim.status = "queued"
        victim.preemptions += 1
        self.preemptions += 1
        if victim.steps_under_way:
            self.returning.append(victim)
        else:
            self.queue.insert(0, victim)

    def abort(self, request: Request, now: int) -> bool:
        """Forget a request of the batch; whether that was the last one here, so that no step is to come."""
        self.batch.remove(request)
        self.adapters.leave(request)
        self.pool.release(request, now)
        self.n_in_flight -= 1
        untouched = Request(request.row, 0, [], [], "")
        for name in FORGOTTEN:
            setattr(request, name, getattr(untouched, name))
        request.blocks, request.intervals_us = [], []
        for step in self.under_way:
            step.sampled.discard(request.row)
            if request in step.served:
                step.served.remove(request)
        if self.batch or self.n_waiting or self.under_way:
            return False
        self.has_step_due = False
        return True

    def _advance(self, request: Request, share: Share, start: int, end: int) -> None:
        """Count what a step computes; whoever has computed all that is known gets a token at its end."""
        request.position += share.new_tokens - share.n_drafts
        if request.position < request.known + request.under_way:
            return
        is_first = request.written + request.under_way == 0
        request.under_way += 1
        self.ledger.tokens[request.tenant] += 1
        request.is_decoding = True
        request.has_drafts = self.drafts.width > 0
        if share.n_drafts:
            accepted = self.drafts.accept(request.number, request.written, share.n_drafts)
            for _ in range(min(accepted, len(request.output) - request.written - 1)):
                self.pool.write(request, request.position)
                request.position += 1
                request.under_way += 1
                self.ledger.tokens[request.tenant] += 1
        if is_first:
            request.ttft_us = end + self.latency.per_token_us - request.arrival_us
        else:
            since = end - request.last_token_us if self.semantics.waiting_counts_in_e2e else end - start
            request.intervals_us.append(since + self.latency.per_token_us)
        request.last_token_us = end

    def _learn(self, request: Request, n: int = 1) -> None:
        """The tokens of a step, which were under way, are known."""
        if request.under_way:
            request.under_way -= n
            request.written += n
            request.is_answered = True

    def _complete(self, request: Request) -> None:
        """Free everything, after storing the final token if that is asked for and there is room."""
        self.ledger.complete(request)
        if request.status == "queued":  # preempted while its last token was under way
            self.returning.remove(request)
        else:
            if request.output and self.semantics.final_token_is_stored:
                if not self.pool.store(request, request.position, request.position + 1, []):
                    self.allocation_failures += 1
            self.pool.release(request, self._leaves_us(request))
            self.batch.remove(request)
            self.adapters.leave(request)
        request.e2e_us = self._leaves_us(request) - request.arrival_us
        request.status = "completed"
        self.completed.append(request)
        self.n_in_flight -= 1

    def _leaves_us(self, request: Request) -> int:
        """When a request leaves whose last token is known, or under way."""
        assert request.ttft_us is not None
        completion_us = self.latency.completion_us if request.output else 0
        return request.arrival_us + request.ttft_us + sum(request.intervals_us) + completion_us


def _given(own: dict[str, Any], name: str, otherwise: bool) -> bool:
    """What an instance is told to do, or else what its semantics say."""
    return otherwise if own.get(name) is None else bool(own[name])
