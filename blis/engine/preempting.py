"""Who gives way when blocks are lacking, and what becomes of it.

A victim's blocks are free at once, and so are the tokens that it was served in the present step. What it has written
stays known and is computed anew with its prompt, or else it starts again from nothing; what it had stored may be kept
in the host's memory (`blis.engine.swapping`). A step that serves it and has not ended yet still gives it a token; until
then it cannot be taken again.
"""

from blis.engine._jit import kernel
from blis.engine.adapters import adapter_tokens, leave_adapter
from blis.engine.aside import bring_back
from blis.engine.codes import (
    ADAPTER_TOKENS,
    BUDGET,
    CURSOR,
    DECODE_CONTEXT,
    DECODE_REQUESTS,
    DRAFT_TOKENS,
    N_MEMBERS,
    NOW_US,
    PREFILL_HISTORY,
    PREFILL_PROMPT_X2,
    PREFILL_REQUESTS,
    PREFILL_TOKENS,
    PREFILL_X2,
    QUEUED,
    REPLAYED,
    UNDER_WAY,
)
from blis.engine.encoding import take_back_encoding
from blis.engine.gate_record import forget_running
from blis.engine.handing_over import is_prefill_leg
from blis.engine.heap import remove_finish
from blis.engine.holding import release
from blis.engine.members import (
    decode_position,
    is_decoding,
    remove_from_batch,
    unlink_phases,
)
from blis.engine.own_blocks import key_own_blocks
from blis.engine.prefill import is_replayed
from blis.engine.service import charge_stay
from blis.engine.state import LOST_ENTRIES, State
from blis.engine.swapping import swap_out
from blis.engine.views import BatchView, World
from blis.engine.waiting import count_waiting, enqueue


@kernel
def first_candidate(world: World, state: State) -> int:
    """Position in the batch of the first member that may have to give way."""
    return 0 if world.settings.victim_among_all else state.scratch.step[CURSOR]


@kernel
def fill_candidates(world: World, state: State, instance: int) -> BatchView:
    """What the choice of a victim may see: the members that may have to give way."""
    step, requests, room = state.scratch.step, state.requests, state.scratch.candidates
    first = first_candidate(world, state)
    count = state.instances.running_requests[instance] - first
    for place in range(count):
        request = state.batches.members[instance, first + place]
        room[0, place] = requests.priority[request]
        room[1, place] = requests.arrival_us[request]
        room[2, place] = world.workload.table.input_tokens[request]
        room[3, place] = stored_tokens(world, state, instance, request)
        room[4, place] = requests.preemptions[request]
        room[5, place] = request
    return BatchView(
        step[NOW_US],
        count,
        room[0, :count],
        room[1, :count],
        room[2, :count],
        room[3, :count],
        room[4, :count],
        room[5, :count],
    )


@kernel
def stored_tokens(world: World, state: State, instance: int, request: int) -> int:
    """Tokens that a member of the batch has in the cache, but for a decode in the present step."""
    if is_reading(state, instance, request):
        return state.requests.stored_tokens[request]
    if is_decoding(state, instance, request):
        return decode_position(state, instance, request)
    table = world.workload.table
    if is_prefill_leg(world, state, request):
        return table.input_tokens[request]
    return table.input_tokens[request] + max(table.output_tokens[request], 1) - 1


@kernel
def _tokens_before_step(world: World, state: State, instance: int, request: int) -> int:
    """Tokens of a member whose KV the GPU has, or will have when the steps under way have ended."""
    tokens = stored_tokens(world, state, instance, request)
    if state.requests.chunk_step[request] == state.instances.step_number[instance]:
        tokens -= state.requests.chunk_tokens[request]
    return tokens


@kernel
def is_reading(state: State, instance: int, request: int) -> bool:
    """Whether a member of the batch has not computed its text before the present step."""
    requests = state.requests
    return (
        requests.stored_tokens[request] < requests.text_tokens[request]
        or requests.chunk_step[request] == state.instances.step_number[instance]
    )


@kernel
def take_back(world: World, state: State, instance: int, request: int) -> None:
    """Give the budget back what a member was served in the present step."""
    step = state.scratch.step
    step[CURSOR] -= 1
    if state.requests.chunk_step[request] == state.instances.step_number[instance]:
        _take_back_chunk(world, state, request)
    elif is_decoding(state, instance, request):
        drafts = max(0, state.requests.chunk_tokens[request] - 1) if world.limits.draft_tokens[instance] > 0 else 0
        step[BUDGET] += 1 + drafts
        step[DRAFT_TOKENS] -= drafts
        step[DECODE_REQUESTS] -= 1
        step[DECODE_CONTEXT] -= decode_position(state, instance, request)
        if world.settings.has_adapters:
            step[ADAPTER_TOKENS] -= adapter_tokens(world, request, 1 + drafts)


@kernel
def _take_back_chunk(world: World, state: State, request: int) -> None:
    step, requests = state.scratch.step, state.requests
    chunk, text = requests.chunk_tokens[request], requests.text_tokens[request]
    start = requests.stored_tokens[request] - chunk
    step[BUDGET] += chunk
    requests.computed_tokens[request] -= chunk
    if world.settings.has_adapters:
        step[ADAPTER_TOKENS] -= adapter_tokens(world, request, chunk)
    if world.settings.has_encoder:
        take_back_encoding(state, request)
    if is_replayed(world, state, request, start, chunk):
        step[DECODE_REQUESTS] -= 1
        step[DECODE_CONTEXT] -= start
        step[REPLAYED] -= 1
    else:
        step[PREFILL_REQUESTS] -= 1
        step[PREFILL_TOKENS] -= chunk
        step[PREFILL_HISTORY] -= start
        step[PREFILL_X2] -= 2 * chunk * start + chunk * (chunk - 1)
        step[PREFILL_PROMPT_X2] -= 2 * chunk * text + chunk * chunk
    if start + chunk < text:
        return
    members, kept = state.scratch.members, 0
    for place in range(step[N_MEMBERS]):
        if members[place] != request:
            members[kept] = members[place]
            kept += 1
    step[N_MEMBERS] = kept


@kernel
def preempt(world: World, state: State, instance: int, request: int, is_served: bool) -> None:
    """Send a member back to wait; `is_served`: the present step has served it, so what that stored counts as stored."""
    requests, instances = state.requests, state.instances
    kept_tokens = 0
    if world.settings.swaps:
        kept_tokens = _tokens_before_step(world, state, instance, request)
    is_over, is_under_way = leave_batch(world, state, instance, request, is_served)
    if world.settings.swaps and kept_tokens > 0 and not is_over:
        swap_out(world, state, instance, request, kept_tokens)
    requests.preemptions[request] += 1
    requests.status[request] = QUEUED
    instances.preemptions[instance] += 1
    instances.idle_preemptions[instance] += 1
    if world.settings.gate_evicts:
        forget_running(world, state, request)
    count_waiting(world, state, instance, request)
    if is_over:
        return  # it leaves as soon as its last token is known
    if is_under_way:
        state.batches.returning[instance, instances.returning_requests[instance]] = request
        instances.returning_requests[instance] += 1
    else:
        if world.settings.has_adapters:  # nobody that was set aside stands before it
            bring_back(world, state, instance)
        enqueue(world, state, instance, request, True)


@kernel
def leave_batch(world: World, state: State, instance: int, request: int, is_served: bool) -> tuple[bool, bool]:
    """Take a member out of the batch, before its last token is known, and free its blocks.

    Returns
    -------
    tuple of bool
        Whether its last token is under way, and whether any step under way serves it.
    """
    requests = state.requests
    if world.settings.needs_service:
        charge_stay(world, state, instance, request)
    stored = stored_tokens(world, state, instance, request)
    known = stored
    is_over = False
    if is_reading(state, instance, request):
        is_under_way = _reads_under_way(state, instance, request)
        _remove_prefilling(state, instance, request)
    else:
        is_over = not is_decoding(state, instance, request)
        is_under_way = is_over or (state.scratch.step[UNDER_WAY] != 0 and requests.left_out_us[request] == 0)
        if is_served and not is_over:
            known += 0 if is_under_way else 1
        elif is_under_way and requests.decoding_since[request] < state.instances.step_number[instance]:
            known -= 1  # the token that the step under way stores is one that it has only just got
        _stop_decoding(world, state, instance, request, stored, is_over)
        stored += 1 if is_served and not is_over else 0
        if world.limits.draft_tokens[instance] > 0:
            stored, known = state.drafts.reached_tokens[request], state.drafts.keyed_tokens[request]
            state.drafts.reached_tokens[request] = 0
    key_own_blocks(world, state, instance, request, known)
    release(world, state, instance, request, stored, known)
    remove_from_batch(state, instance, request)
    if world.settings.has_adapters and leave_adapter(world, state, instance, request):
        bring_back(world, state, instance)
    requests.stored_tokens[request] = 0
    requests.registered_blocks[request] = 0
    requests.detached_blocks[request] = 0
    return is_over, is_under_way


@kernel
def _reads_under_way(state: State, instance: int, request: int) -> bool:
    """Whether a step that has not ended yet, and is not the present one, computes some of the request's text."""
    if state.scratch.step[UNDER_WAY] == 0:
        return False
    before = state.instances.step_number[instance] - 1
    return state.requests.chunk_step[request] == before or state.requests.earlier_chunk_step[request] == before


@kernel
def _stop_decoding(world: World, state: State, instance: int, request: int, stored: int, is_over: bool) -> None:
    """Forget that a member decodes, which it has done up to `stored` tokens; its text grows by what it has written."""
    requests, instances = state.requests, state.instances
    last = instances.step_number[instance] - 1
    if not is_over:
        unlink_phases(world, state, instance, request)
        count = instances.decode_requests[instance]
        remove_finish(state.batches.finish_step[instance], state.batches.finish_request[instance], count, request)
        instances.decode_requests[instance] = count - 1
        if world.settings.has_adapters:
            state.adapters.holders.decode_requests[instance] -= adapter_tokens(world, request, 1)
        instances.decode_context_tokens[instance] -= stored
        requests.paused_us[request] = instances.busy_until_us[instance] - requests.left_out_us[request]
        if requests.left_out_us[request] > 0:
            instances.left_out_requests[instance] -= 1
            requests.left_out_us[request] = 0
    end_part(world, state, instance, request, last)
    if world.settings.resume_keeps_output:
        requests.text_tokens[request] = stored + 1
        if not is_over:
            instances.resuming_requests[instance] += 1


@kernel
def end_part(world: World, state: State, instance: int, request: int, last: int) -> None:
    """Keep in which steps, up to the `last`, the request has decoded without a break."""
    first = state.requests.decoding_since[request]
    if not world.settings.record_steps or last < first:
        return
    lost, entry = state.log.lost, state.log.counters[LOST_ENTRIES]
    lost.instance[entry] = instance
    lost.request[entry] = request
    lost.first[entry] = first
    lost.last[entry] = last
    state.log.counters[LOST_ENTRIES] = entry + 1


@kernel
def _remove_prefilling(state: State, instance: int, request: int) -> None:
    members = state.batches.prefilling[instance]
    count = state.instances.prefilling_requests[instance]
    place = 0
    while members[place] != request:
        place += 1
    for later in range(place, count - 1):
        members[later] = members[later + 1]
    state.instances.prefilling_requests[instance] = count - 1
