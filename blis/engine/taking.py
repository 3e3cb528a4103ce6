"""Taking waiting requests into the batch, as far as its size, the token budget and free KV blocks allow."""

from blis.engine._jit import kernel, seldom_kernel
from blis.engine.adapters import finds_no_slot, use_adapter
from blis.engine.aside import set_aside
from blis.engine.awaiting_kv import give_up_loaded, has_loaded, leave_loaded, park
from blis.engine.codes import (
    AT_ORDER,
    BLOCKS_LACKING,
    BUDGET,
    CHANGING_ORDER,
    DONE,
    GROW,
    NOW_US,
    PREEMPTED,
    RUNNING,
    SORTED,
    STOPPED_BY,
)
from blis.engine.free_blocks import free_blocks, take_blocks
from blis.engine.gate_record import note_running
from blis.engine.holding import cached_prefix, claim_prefix, store_tokens
from blis.engine.prefill import compute_chunk, next_chunk, replay_last
from blis.engine.room import has_room_beside
from blis.engine.service import charge_prompt
from blis.engine.state import State
from blis.engine.swapping import leave_host, returning_blocks, swap_in
from blis.engine.tier_loads import blocks_to_load, load_apart, load_blocks, note_hits, wait_for_load
from blis.engine.views import World
from blis.engine.waiting import first_waiting, look_at_waiting, sort_waiting, take_first

#: `step[SORTED]` before the waiting requests have been ranked in this step.
UNSORTED = -1

#: That the queue is asked again, since it has changed; beside DONE and GROW.
ASK_AGAIN = -1


@kernel
def prospect(
    world: World, state: State, instance: int, request: int, budget: int
) -> tuple[int, int, int, int, int, int]:
    """What taking a waiting request now would mean.

    Returns
    -------
    tuple of int
        Cached blocks that it finds, those of them that it would hold, those that it would use without holding them,
        tokens of its first chunk, blocks that must be free, and parts of runs that it finds.
    """
    size, limits = world.settings.block_size_tokens, world.limits
    text = state.requests.text_tokens[request]
    found, found_free, parts = cached_prefix(world, state, instance, request)
    claimed = found
    detached = 0
    if found * size == text:
        if world.settings.recompute_cached_prompt:
            claimed = found - 1
            found = claimed
            if state.cache.runs.references[state.scratch.hits[parts - 1, 0]] == 0:
                found_free -= 1
        else:
            claimed, found_free, detached = 0, 0, found
    start = found * size
    if world.settings.swaps:
        start = max(start, state.swap.requests.tokens[request])
    chunk = next_chunk(world, state, instance, text - start, budget)
    stored = (text if limits.reserve_full_isl[instance] else start + chunk) - found * size
    needed = -(-stored // size) + found_free
    if state.instances.running_requests[instance] > 0:
        needed += limits.watermark_blocks[instance]
    return found, claimed, detached, chunk, needed, parts


@seldom_kernel
def with_loaded(
    world: World, state: State, instance: int, request: int, found: int, chunk: int, needed: int, loaded: int
) -> tuple[int, int]:
    """The first chunk, and the blocks that must be free, if `loaded` blocks of those found come from tiers."""
    size = world.settings.block_size_tokens
    remaining = state.requests.text_tokens[request] - found * size
    rest = next_chunk(world, state, instance, remaining, state.scratch.step[BUDGET])
    if not world.limits.reserve_full_isl[instance]:
        needed += loaded - (-rest // size) + (-chunk // size)
    return rest, needed


@kernel
def without_blocks(world: World, state: State, instance: int) -> int:
    """What becomes of taking where blocks are lacking: it ends, but who has loaded may be all that holds them."""
    if state.instances.running_requests[instance] == 0 and has_loaded(world, state, instance):
        return ASK_AGAIN if give_up_loaded(world, state, instance) else GROW
    state.scratch.step[STOPPED_BY] = BLOCKS_LACKING
    return DONE


@kernel
def take_waiting(world: World, state: State, instance: int) -> int:
    """Take requests from the wait queue while batch size, budget and blocks allow."""
    step, instances, requests = state.scratch.step, state.instances, state.requests
    size = world.settings.block_size_tokens
    while (
        instances.waiting_head[instance] >= 0
        and instances.running_requests[instance] < world.limits.max_running_requests[instance]
        and step[BUDGET] > 0
        and step[PREEMPTED] == 0
    ):
        if step[SORTED] == UNSORTED:
            if world.settings.asks_order:
                step[SORTED] = 0
                look_at_waiting(world, state, instance)
                return AT_ORDER
            if world.settings.queue_kind == CHANGING_ORDER:
                step[SORTED] = sort_waiting(world, state, instance, step[NOW_US])
        elif world.settings.asks_order and step[SORTED] == 0:
            step[SORTED] = sort_waiting(world, state, instance, step[NOW_US])
        request = first_waiting(world, state, instance)
        if world.settings.has_adapters and finds_no_slot(world, state, instance, request):
            set_aside(world, state, instance, request, step[SORTED])
            if world.settings.queue_kind == CHANGING_ORDER:
                step[SORTED] -= 1
            continue
        if requests.stored_tokens[request] > 0:  # its KV has come
            if _take_loaded(world, state, instance, request):
                continue
            ending = without_blocks(world, state, instance)
            if ending == ASK_AGAIN:
                continue
            return ending
        found, claimed, detached, chunk, needed, parts = prospect(world, state, instance, request, step[BUDGET])
        if needed > free_blocks(world, state, instance):
            ending = without_blocks(world, state, instance)
            if ending == ASK_AGAIN:
                continue
            return ending
        if world.settings.swaps and state.swap.requests.tokens[request] > 0:
            # A part may be split at both ends; each block that is copied may be a run, and evict one.
            if not has_room_beside(world, state, instance, 2 * parts + returning_blocks(state, request, found)):
                return GROW
            _take_out(world, state, instance)
            _come_back(world, state, instance, request, found, chunk)
            continue
        loaded = 0
        if world.settings.n_tiers > 0 and detached == 0:
            loaded = blocks_to_load(world, state, instance, request, found)
        if loaded > 0:
            chunk, needed = with_loaded(world, state, instance, request, found + loaded, chunk, needed, loaded)
            if needed > free_blocks(world, state, instance):
                ending = without_blocks(world, state, instance)
                if ending == ASK_AGAIN:
                    continue
                return ending
        # A part may be split at both ends; each block that is loaded may be a run, and evict one.
        if claimed + loaded > 0 and not has_room_beside(world, state, instance, 2 * parts + loaded):
            return GROW
        if world.settings.n_tiers > 0 and detached == 0:
            note_hits(world, state, instance, request, found)
        _take_out(world, state, instance)
        if loaded > 0 and world.settings.tiers_load_apart:
            claim_prefix(world, state, instance, request, claimed)
            _await_load(world, state, instance, request, found, loaded)
            continue
        _join(world, state, instance, request, found + loaded)
        requests.detached_blocks[request] = detached
        claim_prefix(world, state, instance, request, claimed)
        if loaded > 0:
            wait_for_load(state, load_blocks(world, state, instance, request, found, loaded))
            found += loaded
        requests.stored_tokens[request] = found * size
        history = found * size if world.settings.history_includes_cached else 0
        compute_chunk(world, state, instance, request, chunk, history)
        if found * size + chunk < state.requests.text_tokens[request]:
            waiting_prompts = instances.prefilling_requests[instance]
            state.batches.prefilling[instance, waiting_prompts] = request
            instances.prefilling_requests[instance] = waiting_prompts + 1
    return DONE


@kernel
def _take_out(world: World, state: State, instance: int) -> None:
    """Remove the first request from the wait queue."""
    step = state.scratch.step
    take_first(world, state, instance, step[SORTED])
    if world.settings.queue_kind == CHANGING_ORDER:
        step[SORTED] -= 1
        if world.settings.sorts_after_each:
            step[SORTED] = UNSORTED


@seldom_kernel
def _await_load(world: World, state: State, instance: int, request: int, found: int, loaded: int) -> None:
    """Let a request that holds the blocks it found on the GPU wait for those that it loads behind them."""
    ready_us = load_apart(world, state, instance, request, found, loaded)
    state.requests.stored_tokens[request] = (found + loaded) * world.settings.block_size_tokens
    state.requests.cached_blocks[request] = found + loaded
    park(world, state, instance, request, ready_us)


@seldom_kernel
def _come_back(world: World, state: State, instance: int, request: int, found: int, chunk: int) -> None:
    """Let a request that has a copy in the host's memory go on behind what it holds, or wait until the copy is here."""
    requests, instances, size = state.requests, state.instances, world.settings.block_size_tokens
    copied = state.swap.requests.tokens[request]
    blocks = returning_blocks(state, request, found)
    if blocks > 0 and world.settings.swaps_beside:
        claim_prefix(world, state, instance, request, found)
        ready_us = swap_in(world, state, instance, request, found)
        take_blocks(world, state, instance, blocks)
        requests.stored_tokens[request] = copied
        park(world, state, instance, request, ready_us)
        return
    _join(world, state, instance, request, requests.cached_blocks[request])
    claim_prefix(world, state, instance, request, found)
    swap_in(world, state, instance, request, found)
    leave_host(state, instance, request)
    if blocks > 0:
        store_tokens(world, state, instance, request, found * size, copied)
    start = max(copied, found * size)
    requests.stored_tokens[request] = start
    compute_chunk(world, state, instance, request, chunk, start)
    if start + chunk < requests.text_tokens[request]:
        waiting_prompts = instances.prefilling_requests[instance]
        state.batches.prefilling[instance, waiting_prompts] = request
        instances.prefilling_requests[instance] = waiting_prompts + 1


@kernel
def _take_loaded(world: World, state: State, instance: int, request: int) -> bool:
    """Take the first request, whose KV has come; False, and nothing happens, if blocks for the rest are lacking."""
    requests, instances, size = state.requests, state.instances, world.settings.block_size_tokens
    stored, text = requests.stored_tokens[request], requests.text_tokens[request]
    chunk = next_chunk(world, state, instance, text - stored, state.scratch.step[BUDGET])
    end = text if world.limits.reserve_full_isl[instance] else stored + chunk
    needed = -(-end // size) - -(-stored // size)
    if needed > 0 and instances.running_requests[instance] > 0:
        needed += world.limits.watermark_blocks[instance]
    if needed > free_blocks(world, state, instance):
        return False
    _take_out(world, state, instance)
    leave_loaded(state, instance, request)
    if world.settings.swaps:
        leave_host(state, instance, request)
    _join(world, state, instance, request, requests.cached_blocks[request])
    if stored == text:
        replay_last(state, instance, request)
        if world.settings.has_encoder:
            state.encoding.requests.chunk_tokens[request] = 0
        return True
    compute_chunk(world, state, instance, request, chunk, stored)
    if stored + chunk < text:
        waiting_prompts = instances.prefilling_requests[instance]
        state.batches.prefilling[instance, waiting_prompts] = request
        instances.prefilling_requests[instance] = waiting_prompts + 1
    return True


@kernel
def _join(world: World, state: State, instance: int, request: int, found: int) -> None:
    """Append a request to the batch."""
    instances, requests = state.instances, state.requests
    now_us = state.scratch.step[NOW_US]
    state.batches.members[instance, instances.running_requests[instance]] = request
    instances.running_requests[instance] += 1
    requests.batch_rank[request] = instances.batch_rank[instance]
    instances.batch_rank[instance] += 1
    requests.status[request] = RUNNING
    if world.settings.needs_service and requests.scheduled_us[request] < 0:
        charge_prompt(world, state, instance, request)
    if requests.scheduled_us[request] < 0 or not world.settings.resume_keeps_output:
        requests.scheduled_us[request] = now_us
    requests.cached_blocks[request] = found
    if world.settings.gate_evicts:
        note_running(world, state, request)
    if world.settings.has_adapters:
        use_adapter(world, state, instance, request)
