"""What follows from a batch: price it, advance its members, complete those that are done, fix the next step.

Where two steps may be under way, a step begins when the one before it ends, and who is done leaves when it ends.
"""

import numpy as np

from blis.engine._jit import kernel
from blis.engine.adapters import adapter_tokens, overhead_us
from blis.engine.batch_sums import BatchSums
from blis.engine.codes import (
    ADAPTER_LOAD_US,
    ADAPTER_TOKENS,
    DECODE_CONTEXT,
    DECODE_REQUESTS,
    DRAFT_TOKENS,
    ENCODER_TOKENS,
    LEFT_FROM,
    LEFT_TO,
    LOADED_US,
    N_MEMBERS,
    NEVER_US,
    NOW_US,
    PREFILL_HISTORY,
    PREFILL_PROMPT_X2,
    PREFILL_REQUESTS,
    PREFILL_TOKENS,
    PREFILL_X2,
    REPLAYED,
)
from blis.engine.drafts import accept_drafts
from blis.engine.encoding import note_pass
from blis.engine.handing_over import announce_end, end_stay, is_prefill_leg, note_received_token
from blis.engine.heap import replace_finish
from blis.engine.members import (
    begin_decode,
    decode_position,
    is_decoding,
    unlink_phases,
    written_tokens,
)
from blis.engine.sent_prompts import note_first_token
from blis.engine.state import PAUSES, State
from blis.engine.step_log import log_step
from blis.engine.views import TIMES_STEP, World, step_time_at


@kernel
def start_us(world: World, state: State, instance: int, now_us: int) -> int:
    """When a step that is composed now begins."""
    if world.limits.async_scheduling[instance]:
        return max(now_us, state.instances.busy_until_us[instance])
    return now_us


@kernel
def finish_step(world: World, state: State, instance: int) -> None:
    """Price the batch, advance its members, complete those that are done, fix the next step."""
    step, instances, requests = state.scratch.step, state.instances, state.requests
    sums = BatchSums(
        step[PREFILL_REQUESTS], step[PREFILL_TOKENS], step[PREFILL_HISTORY], step[PREFILL_X2], step[PREFILL_PROMPT_X2],
        step[DECODE_REQUESTS] + step[DRAFT_TOKENS], step[DECODE_CONTEXT],
    )  # fmt: skip
    step_us = max(np.int64(1), step_time_at(world.answers[TIMES_STEP])(sums, world.coefficients[instance]))
    if step[DRAFT_TOKENS] > 0:
        step_us += world.limits.drafting_us[instance]
    if world.settings.has_adapters:
        extra_us = overhead_us(world, state, instance, step[ADAPTER_TOKENS])
        state.adapters.holders.overhead_us[instance] += extra_us
        step_us += extra_us + step[ADAPTER_LOAD_US]
    if world.settings.has_encoder and step[ENCODER_TOKENS] > 0:
        step_us += note_pass(world, state, instance, step[ENCODER_TOKENS])
    if step[LOADED_US] > 0:
        waits_us = max(0, step[LOADED_US] - start_us(world, state, instance, step[NOW_US]))
        step_us += waits_us
        if world.settings.swaps:
            state.swap.spaces.stalled_us[instance] += waits_us
    decoded = step[DECODE_REQUESTS] - step[REPLAYED]
    end_us = start_us(world, state, instance, step[NOW_US]) + step_us
    _account_step(world, state, instance, step_us, decoded)
    instances.decode_context_tokens[instance] += decoded
    if instances.left_out_requests[instance] > 0:
        _end_pauses(world, state, instance)
    for place in range(step[LEFT_FROM], step[LEFT_TO]):
        request = state.batches.members[instance, place]
        if is_decoding(state, instance, request):
            if requests.left_out_us[request] == 0:
                instances.left_out_requests[instance] += 1
            requests.left_out_us[request] += step_us
            if not world.settings.waiting_counts:
                requests.clock_mark_us[request] += step_us
    if step[DRAFT_TOKENS] > 0:
        accept_drafts(world, state, instance)
    n_ending = 0
    members = state.scratch.members
    for place in range(step[N_MEMBERS]):
        request = members[place]
        if is_prefill_leg(world, state, request):  # the token that its prompt gives is not its own
            if world.settings.needs_prompts:
                note_first_token(world, state, instance, request)
            requests.finish_step[request] = instances.step_number[instance]
            requests.decoding_since[request] = instances.step_number[instance] + 1
            members[n_ending] = request
            n_ending += 1
            continue
        written = written_tokens(world, state, request)
        if written == 0:
            requests.first_token_us[request] = end_us + world.limits.output_token_us[instance]
            requests.clock_mark_us[request] = end_us
            note_received_token(world, state, instance, request)
            if world.settings.needs_prompts:
                note_first_token(world, state, instance, request)
        else:
            _note_pause(world, state, instance, request, 0, end_us - requests.paused_us[request])
            instances.resuming_requests[instance] -= 1
        if world.workload.table.output_tokens[request] - written > 1:
            begin_decode(world, state, instance, request)
        else:
            requests.finish_step[request] = instances.step_number[instance]
            requests.decoding_since[request] = instances.step_number[instance] + 1
            members[n_ending] = request
            n_ending += 1
    if step[N_MEMBERS] > 0:
        _forget_finished_prompts(world, state, instance)
    n_ending = pop_finished(state, instance, n_ending)
    if n_ending > 0:
        end_members(world, state, instance, n_ending, end_us)
    if world.limits.async_scheduling[instance]:
        fix_next_turn(state, instance, step[NOW_US], end_us)
    else:
        fix_next_step(world, state, instance, step[NOW_US], step_us)


@kernel
def _end_pauses(world: World, state: State, instance: int) -> None:
    """Members that were left out and have decoded now: their token comes late, by the time that they were left out."""
    requests, step = state.requests, state.scratch.step
    for place in range(step[LEFT_FROM]):
        request = state.batches.members[instance, place]
        if requests.left_out_us[request] == 0 or not is_decoding(state, instance, request):
            continue
        if world.settings.waiting_counts:
            number = state.instances.step_number[instance]
            _note_pause(world, state, instance, request, number, requests.left_out_us[request])
        requests.left_out_us[request] = 0
        state.instances.left_out_requests[instance] -= 1


@kernel
def _note_pause(world: World, state: State, instance: int, request: int, number: int, pause_us: int) -> None:
    """Keep that a token comes later than one step after the one before it."""
    if not world.settings.record_steps:
        return
    pauses, entry = state.log.pauses, state.log.counters[PAUSES]
    pauses.instance[entry] = instance
    pauses.request[entry] = request
    pauses.life[entry] = state.requests.preemptions[request]
    pauses.step[entry] = number
    pauses.pause_us[entry] = pause_us
    state.log.counters[PAUSES] = entry + 1


@kernel
def _forget_finished_prompts(world: World, state: State, instance: int) -> None:
    members = state.batches.prefilling[instance]
    kept = 0
    for place in range(state.instances.prefilling_requests[instance]):
        request = members[place]
        if state.requests.stored_tokens[request] < state.requests.text_tokens[request]:
            members[kept] = request
            kept += 1
    state.instances.prefilling_requests[instance] = kept


@kernel
def pop_finished(state: State, instance: int, n_ending: int) -> int:
    """Add the requests whose last decode is in this step to `scratch.members`; return the new number there."""
    instances = state.instances
    steps, requests = state.batches.finish_step[instance], state.batches.finish_request[instance]
    count = instances.decode_requests[instance]
    while count > 0 and steps[0] == instances.step_number[instance]:
        state.scratch.members[n_ending] = requests[0]
        n_ending += 1
        count -= 1
        if count > 0:
            replace_finish(steps, requests, count, 0, steps[count], requests[count])
    instances.decode_requests[instance] = count
    return n_ending


@kernel
def sort_members(state: State, count: int) -> None:
    """Put the requests in `scratch.members` into batch order."""
    members, requests = state.scratch.members, state.requests
    for place in range(1, count):
        request = members[place]
        before = place - 1
        while before >= 0 and requests.batch_rank[members[before]] > requests.batch_rank[request]:
            members[before + 1] = members[before]
            before -= 1
        members[before + 1] = request


@kernel
def end_members(world: World, state: State, instance: int, n_ending: int, step_end_us: int) -> None:
    """The requests in `scratch.members` get their last token from the present step, which ends then."""
    members, requests, instances = state.scratch.members, state.requests, state.instances
    sort_members(state, n_ending)
    for place in range(n_ending):
        request = members[place]
        stored = requests.text_tokens[request]
        if requests.decoding_since[request] <= instances.step_number[instance]:
            # One token more than before this step: the step itself stored it.
            stored = decode_position(state, instance, request) + 1
            instances.decode_context_tokens[instance] -= stored
            unlink_phases(world, state, instance, request)
            if world.settings.has_adapters:
                state.adapters.holders.decode_requests[instance] -= adapter_tokens(world, request, 1)
        announce_end(world, state, instance, request, step_end_us)
        if world.limits.async_scheduling[instance]:
            state.batches.ending[instance, instances.ending_requests[instance]] = request
            instances.ending_requests[instance] += 1
        else:
            end_stay(world, state, instance, request, stored)
    if not world.limits.async_scheduling[instance] and step_end_us <= world.settings.horizon_us:
        instances.clock_us[instance] = max(instances.clock_us[instance], step_end_us)


@kernel
def fix_next_step(world: World, state: State, instance: int, now_us: int, step_us: int) -> None:
    """Schedule the step after one that started now and takes `step_us`."""
    instances = state.instances
    if instances.running_requests[instance] > 0 or instances.queued_requests[instance] > 0:
        instances.next_step_us[instance] = now_us + step_us
        # A routing of this very moment was noted before the step if a queueing of this moment called for the step.
        called_now = 1 if instances.step_fixed[instance] == NEVER_US else 0
        instances.step_fixed[instance] = 2 * now_us + called_now
    else:
        instances.next_step_us[instance] = NEVER_US
    instances.busy_until_us[instance] = now_us + step_us


@kernel
def fix_next_turn(state: State, instance: int, now_us: int, end_us: int) -> None:
    """A step that ends then has been composed: the next is composed when it starts, or now if none was under way."""
    instances = state.instances
    instances.fills_are_due[instance] = 1 if instances.steps_under_way[instance] > 0 else 0
    instances.steps_under_way[instance] += 1
    instances.next_step_us[instance] = max(now_us, instances.busy_until_us[instance])
    instances.busy_until_us[instance] = end_us
    instances.step_fixed[instance] = 2 * now_us


@kernel
def _account_step(world: World, state: State, instance: int, step_us: int, decode_tokens: int) -> None:
    """Count a step whose batch is formed and whose members have not yet completed."""
    instances = state.instances
    instances.step_us[instance] = step_us
    instances.step_clock_us[instance] += step_us
    instances.queue_sum[instance] += instances.queued_requests[instance]
    instances.batch_sum[instance] += instances.running_requests[instance]
    used = instances.used_blocks[instance]
    instances.block_time[instance] += used * step_us
    if used > instances.peak_blocks[instance]:
        instances.peak_blocks[instance] = used
    if world.settings.record_steps:
        log_step(state, instance, step_us, decode_tokens, 0.0, 0.0)


@kernel
def note_event(state: State, instance: int, now_us: int) -> None:
    """Keep the time of the instance's latest event; the end of a step that completed something is one."""
    state.instances.clock_us[instance] = max(state.instances.clock_us[instance], now_us)
