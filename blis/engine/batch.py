"""One step of an instance: serve the running requests, take waiting ones, price the batch, complete.

A step happens entirely when it is composed, for every observer; the times it hands out are those of its end. Where
two steps may be under way, who is done stays until that end: see `blis.engine.two_steps`.
Forming a batch can stop (to let Python decide, or to let arrays grow) and go on: what it has done so far is
in `scratch.step`.
"""

from blis.engine._jit import kernel
from blis.engine.adapters import adapter_tokens
from blis.engine.awaiting_kv import give_up_loaded, has_loaded, has_moving_kv
from blis.engine.codes import (
    ADAPTER_TOKENS,
    AT_VICTIM,
    BAD_TARGET,
    BETWEEN_STEPS,
    BUDGET,
    CHUNK,
    CURSOR,
    DECODE_CONTEXT,
    DECODE_REQUESTS,
    DONE,
    GROW,
    INSTANCE,
    LEFT_FROM,
    LEFT_TO,
    NEVER_US,
    NO_TRACE,
    NOW_US,
    PREEMPTED,
    RUNNING,
    SERVING,
    SORTED,
    STAGE,
    TAKEN_FROM,
    TAKING,
    UNDER_WAY,
    VICTIM,
)
from blis.engine.drafts import decode_drafted, drafted_blocks, drafted_chunk
from blis.engine.free_blocks import free_blocks, take_blocks
from blis.engine.heap import replace_finish
from blis.engine.members import (
    decode_position,
    fill_known,
    is_decoding,
    link_phases,
    unlink_phases,
)
from blis.engine.observation import begin_sample, end_sample, has_trace_room, record_preemption
from blis.engine.outlook import look_at_queued
from blis.engine.own_blocks import new_own_segments
from blis.engine.preempting import (
    end_part,
    fill_candidates,
    first_candidate,
    preempt,
    take_back,
)
from blis.engine.prefill import compute_chunk, next_chunk
from blis.engine.room import has_room_beside, has_room_for_step
from blis.engine.serving import can_serve_at_once, serve_at_once
from blis.engine.state import State
from blis.engine.step_end import finish_step, note_event, start_us
from blis.engine.swapping import await_copies
from blis.engine.taking import UNSORTED, take_waiting
from blis.engine.two_steps import wait_for_step
from blis.engine.views import NAMES_VICTIM, PREEMPTION, World, victim_at
from blis.engine.waiting import look_at_batch, prioritise_request

_NOBODY = -1


@kernel
def start_step(world: World, state: State, instance: int, now_us: int) -> int:
    """Begin the step that is due now; return DONE, or GROW before anything has happened."""
    step, instances = state.scratch.step, state.instances
    if not has_room_for_step(world, state, instance):
        return GROW
    note_event(state, instance, now_us)
    instances.step_number[instance] += 1
    step[:] = 0
    step[INSTANCE] = instance
    step[NOW_US] = now_us
    step[BUDGET] = world.limits.step_token_budget[instance]
    step[SORTED] = UNSORTED
    step[VICTIM] = _NOBODY
    step[STAGE] = SERVING
    if instances.steps_under_way[instance] > 0:
        step[UNDER_WAY] = 1
    if world.settings.swaps:
        await_copies(world, state, instance)
    if can_serve_at_once(world, state, instance):
        serve_at_once(world, state, instance)
        _begin_taking(state, instance)
    return DONE


@kernel
def continue_step(world: World, state: State) -> int:
    """Go on with the step in `scratch.step`; return DONE or the reason why it could not be finished."""
    step = state.scratch.step
    instance = step[INSTANCE]
    while step[STAGE] == SERVING:
        status = _serve_in_order(world, state, instance)
        if status != DONE or step[STAGE] == BETWEEN_STEPS:
            return status
        if step[PREEMPTED] and _is_free(world, state, instance):
            if step[UNDER_WAY]:
                step[STAGE] = BETWEEN_STEPS
                wait_for_step(state, instance)
                return DONE
            step[PREEMPTED] = 0  # it took no time, so the next step begins at once
            step[CURSOR] = 0
            continue
        _leave_out_rest(world, state, instance)
        _begin_taking(state, instance)
    status = take_waiting(world, state, instance)
    if status != DONE:
        return status
    step[STAGE] = BETWEEN_STEPS
    if step[UNDER_WAY] and _is_free(world, state, instance):
        wait_for_step(state, instance)
        return DONE
    is_idle = world.settings.awaits_kv != 0 and state.instances.running_requests[instance] == 0
    if is_idle and has_moving_kv(state, instance) and _is_free(world, state, instance):
        _wait_for_kv(state, instance)
        return DONE
    if world.settings.trace_level == NO_TRACE:
        finish_step(world, state, instance)
    else:
        begin_sample(world, state, instance, start_us(world, state, instance, step[NOW_US]))
        finish_step(world, state, instance)
        end_sample(state, instance)
    return DONE


@kernel
def _wait_for_kv(state: State, instance: int) -> None:
    """The step in the making serves nobody, for lack of blocks, and none is composed before KV comes or goes."""
    step = state.scratch.step
    step[STAGE] = BETWEEN_STEPS
    if step[UNDER_WAY]:
        wait_for_step(state, instance)
        return
    state.instances.step_number[instance] -= 1
    state.instances.next_step_us[instance] = NEVER_US


@kernel
def _is_free(world: World, state: State, instance: int) -> bool:
    """Whether the step in the making serves nobody, and so takes no time."""
    return world.settings.empty_step_is_free and state.scratch.step[BUDGET] == world.limits.step_token_budget[instance]


@kernel
def _begin_taking(state: State, instance: int) -> None:
    state.scratch.step[STAGE] = TAKING
    state.scratch.step[TAKEN_FROM] = state.instances.running_requests[instance]


@kernel
def _serve_in_order(world: World, state: State, instance: int) -> int:
    """Serve the running requests one by one in batch order, preempting where blocks are lacking."""
    step, instances, requests = state.scratch.step, state.instances, state.requests
    size = world.settings.block_size_tokens
    has_drafts = world.limits.draft_tokens[instance] > 0
    batch = state.batches.members[instance]
    while step[CURSOR] < instances.running_requests[instance] and step[BUDGET] > 0:
        request = batch[step[CURSOR]]
        stored = requests.stored_tokens[request]
        remaining = requests.text_tokens[request] - stored
        if remaining > 0:
            if step[CHUNK] == 0:  # what victims give back to the budget does not make it larger
                step[CHUNK] = next_chunk(world, state, instance, remaining, step[BUDGET])
            needed = -(-(stored + step[CHUNK]) // size) - -(-stored // size)
        elif has_drafts:
            if step[CHUNK] == 0:
                step[CHUNK] = drafted_chunk(world, state, instance, request)
            needed = drafted_blocks(world, state, instance, request)
        elif is_decoding(state, instance, request):
            needed = 1 if decode_position(state, instance, request) % size == 0 else 0
        else:  # its last token is under way
            step[CURSOR] += 1
            continue
        if needed > free_blocks(world, state, instance):
            if world.settings.awaits_kv and instances.running_requests[instance] == 1:
                if has_loaded(world, state, instance):
                    if not give_up_loaded(world, state, instance):
                        return GROW
                    continue
                if remaining > 0 and has_moving_kv(state, instance):
                    _wait_for_kv(state, instance)
                    return DONE
            status = _preempt_one(world, state, instance)
            if status != DONE:
                return status
            if requests.status[request] == RUNNING:
                continue
            step[CHUNK] = 0
            if world.settings.victim_among_all:
                break
            continue
        if remaining > 0:
            compute_chunk(world, state, instance, request, step[CHUNK], stored)
            step[CHUNK] = 0
        elif has_drafts:
            decode_drafted(world, state, instance, request)
            step[CHUNK] = 0
        else:
            _decode_one(world, state, instance, request)
        step[CURSOR] += 1
    return DONE


@kernel
def _decode_one(world: World, state: State, instance: int, request: int) -> None:
    step, requests = state.scratch.step, state.requests
    position = decode_position(state, instance, request)
    if position % world.settings.block_size_tokens == 0:
        take_blocks(world, state, instance, 1)
    if requests.fill_previous[request] != -1:
        fill_known(world, state, instance, request, position)
        if not step[UNDER_WAY] or requests.left_out_us[request] > 0:
            fill_known(world, state, instance, request, position + 1)
    step[DECODE_REQUESTS] += 1
    step[DECODE_CONTEXT] += position
    step[BUDGET] -= 1
    if world.settings.has_adapters:
        step[ADAPTER_TOKENS] += adapter_tokens(world, request, 1)


@kernel
def _leave_out_rest(world: World, state: State, instance: int) -> None:
    """Members beyond the budget do not advance: their last step comes one step later."""
    step, instances, requests = state.scratch.step, state.instances, state.requests
    step[LEFT_FROM] = step[CURSOR]
    step[LEFT_TO] = instances.running_requests[instance]
    for place in range(step[LEFT_FROM], step[LEFT_TO]):
        request = state.batches.members[instance, place]
        if requests.stored_tokens[request] < requests.text_tokens[request] or not is_decoding(state, instance, request):
            continue
        end_part(world, state, instance, request, instances.step_number[instance] - 1)
        requests.decoding_since[request] = instances.step_number[instance] + 1
        unlink_phases(world, state, instance, request)
        requests.decode_base[request] -= 1
        requests.finish_step[request] += 1
        link_phases(world, state, instance, request)
        steps, members = state.batches.finish_step[instance], state.batches.finish_request[instance]
        entry = 0
        while members[entry] != request:
            entry += 1
        count = instances.decode_requests[instance]
        replace_finish(steps, members, count, entry, requests.finish_step[request], request)


@kernel
def _look_at_members(world: World, state: State, instance: int, first: int, count: int) -> None:
    """Bring up to date what is known of those that may have to give way, before Python decides about them."""
    look_at_batch(world, state, instance)
    for place in range(first, first + count):
        look_at_queued(world, state, instance, state.batches.members[instance, place])


@kernel
def _preempt_one(world: World, state: State, instance: int) -> int:
    """Preempt the member that the policy names, among those that may have to give way."""
    step, instances = state.scratch.step, state.instances
    first = first_candidate(world, state)
    count = instances.running_requests[instance] - first
    if world.settings.ranks_victims:
        # All at one moment: priorities of different moments cannot be compared.
        look_at_batch(world, state, instance)
        for place in range(first, first + count):
            request = state.batches.members[instance, place]
            prioritise_request(world, state, instance, request, step[NOW_US])
    if world.settings.asks_victim:
        if step[VICTIM] == _NOBODY:
            _look_at_members(world, state, instance, first, count)
            fill_candidates(world, state, instance)
            return AT_VICTIM
        choice = step[VICTIM]
    else:
        view = fill_candidates(world, state, instance)
        choice = victim_at(world.answers[NAMES_VICTIM])(view, world.parameters[PREEMPTION], world.memory[PREEMPTION])
    if choice < 0 or choice >= count:
        return BAD_TARGET
    victim = state.batches.members[instance, first + choice]
    own = new_own_segments(world, state, victim)
    if not has_room_beside(world, state, instance, own) or not has_trace_room(world, state):
        return GROW
    step[VICTIM] = _NOBODY
    if world.settings.trace_level != NO_TRACE:
        record_preemption(world, state, instance, victim)
    is_served = first + choice < step[CURSOR]
    if is_served:
        take_back(world, state, instance, victim)
    preempt(world, state, instance, victim, is_served)
    step[PREEMPTED] = 1
    return DONE
