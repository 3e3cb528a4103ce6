"""One step of an instance: serve the running requests, take waiting ones, price the batch, complete.

A step happens entirely at its start, for every observer; the times it hands out are those of its end.
Forming a batch can stop (to let Python decide, or to let arrays grow) and go on: what it has done so far is
in `scratch.step`.
"""

from blis.engine._jit import kernel
from blis.engine.blocks import find, has_room, take_blocks
from blis.engine.codes import (
    AT_VICTIM,
    BAD_TARGET,
    BETWEEN_STEPS,
    BUDGET,
    CURSOR,
    DECODE_CONTEXT,
    DECODE_REQUESTS,
    DONE,
    GROW,
    INSTANCE,
    LEFT_FROM,
    LEFT_TO,
    NEED_NODES,
    NEED_OWN,
    NO_TRACE,
    NOW_US,
    PREEMPTED,
    SERVING,
    SORTED,
    STAGE,
    TAKEN_FROM,
    TAKING,
    VICTIM,
)
from blis.engine.heap import replace_finish
from blis.engine.members import (
    decode_position,
    fill_block,
    first_decode_step,
    key_of,
    keyed_blocks,
    link_phases,
    own_blocks,
    preempt,
    unlink_fill,
    unlink_phases,
)
from blis.engine.observation import begin_sample, end_sample, has_trace_room, record_preemption
from blis.engine.prefill import compute_chunk, free_blocks, next_chunk
from blis.engine.state import OWN_PLACES, State
from blis.engine.step_end import finish_step, note_event
from blis.engine.taking import UNSORTED, take_waiting
from blis.engine.views import NAMES_VICTIM, PREEMPTION, BatchView, World, victim_at
from blis.engine.waiting import prioritise_request

_NOBODY = -1


@kernel
def start_step(world: World, state: State, instance: int, now_us: int) -> int:
    """Begin the step that is due now; return DONE, or GROW before anything has happened."""
    step, instances = state.scratch.step, state.instances
    step[NEED_NODES] = most_new_nodes(world, state, instance)
    if not _has_room(world, state, step[NEED_NODES]):
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
    if _can_serve_at_once(world, state, instance):
        _serve_at_once(world, state, instance)
        _begin_taking(state, instance)
    return DONE


@kernel
def continue_step(world: World, state: State) -> int:
    """Go on with the step in `scratch.step`; return DONE or the reason why it could not be finished."""
    step = state.scratch.step
    instance = step[INSTANCE]
    if step[STAGE] == SERVING:
        status = _serve_in_order(world, state, instance)
        if status != DONE:
            return status
        _begin_taking(state, instance)
    status = take_waiting(world, state, instance)
    if status != DONE:
        return status
    step[STAGE] = BETWEEN_STEPS
    if world.settings.trace_level == NO_TRACE:
        finish_step(world, state, instance)
    else:
        begin_sample(world, state, instance)
        finish_step(world, state, instance)
        end_sample(state, instance)
    return DONE


@kernel
def _begin_taking(state: State, instance: int) -> None:
    state.scratch.step[STAGE] = TAKING
    state.scratch.step[TAKEN_FROM] = state.instances.running_requests[instance]


@kernel
def most_new_nodes(world: World, state: State, instance: int) -> int:
    """Most keyed blocks that can fill in one step without a preemption."""
    if world.settings.n_keys == 0 and state.cache.counters[OWN_PLACES] == 0:
        return 0
    batch = state.batches.members.shape[1]
    return world.limits.step_token_budget[instance] // world.settings.block_size_tokens + 2 * batch + 2


@kernel
def _has_room(world: World, state: State, nodes: int) -> bool:
    if world.settings.cache_signal_delay_us > 0:
        changes = 4 * nodes + 2 * state.instances.shape[0]
        if 2 * (state.seen.counters[1] + changes) > state.seen.slots.shape[0]:
            return False
    return has_room(state.cache, nodes) and state.log.counters[0] + 2 <= state.log.entries.shape[0]


@kernel
def fills_are_independent(world: World, state: State, instance: int, phase: int) -> bool:
    """Whether the keyed blocks that fill in this phase can get their keys in any order with blocks being taken.

    The order matters only where a key already has a block, a block lost its place in the index to a copy, or two
    requests write the same.
    """
    if state.instances.stale_blocks[instance] > 0:
        return False
    request = state.batches.fill_head[instance, phase]
    if world.settings.outputs_share_keys and state.requests.fill_next[request] >= 0:
        return False
    while request >= 0:
        block = decode_position(state, instance, request) // world.settings.block_size_tokens
        identity = key_of(world, state, request, block) * world.settings.n_instances + instance
        if find(state.cache, identity) >= 0:
            return False
        request = state.requests.fill_next[request]
    return True


@kernel
def fill_phase(world: World, state: State, instance: int, phase: int) -> None:
    """Give their keys to all keyed decode blocks that fill in this phase."""
    size = world.settings.block_size_tokens
    request = state.batches.fill_head[instance, phase]
    while request >= 0:
        following = state.requests.fill_next[request]
        block = decode_position(state, instance, request) // size
        fill_block(world, state, instance, request, block)
        if keyed_blocks(world, state, request) <= block + 1:
            unlink_fill(state, instance, request)
        request = following


@kernel
def _can_serve_at_once(world: World, state: State, instance: int) -> bool:
    """Whether serving all running requests together gives what serving them one by one would."""
    instances = state.instances
    decoding = instances.decode_requests[instance]
    budget = world.limits.step_token_budget[instance]
    if decoding > budget or instances.left_out_requests[instance] > 0:
        return False
    size = world.settings.block_size_tokens
    phase = instances.step_number[instance] % size
    needed = state.batches.crossing[instance, phase]
    budget -= decoding
    members = state.batches.prefilling[instance]
    count = instances.prefilling_requests[instance]
    if count > 0 and decoding > 0 and state.requests.batch_rank[members[0]] < instances.last_decode_rank[instance]:
        return False
    for place in range(count):
        request = members[place]
        stored = state.requests.stored_tokens[request]
        chunk = next_chunk(world, instance, world.workload.table.input_tokens[request] - stored, budget)
        needed += -(-(stored + chunk) // size) - -(-stored // size)
        budget -= chunk
    if needed > free_blocks(world, state, instance):
        return False
    return state.batches.fill_head[instance, phase] < 0 or fills_are_independent(world, state, instance, phase)


@kernel
def _serve_at_once(world: World, state: State, instance: int) -> None:
    step, instances = state.scratch.step, state.instances
    phase = instances.step_number[instance] % world.settings.block_size_tokens
    take_blocks(world.settings, instances, state.cache, state.seen, instance, state.batches.crossing[instance, phase])
    fill_phase(world, state, instance, phase)
    step[DECODE_REQUESTS] = instances.decode_requests[instance]
    step[DECODE_CONTEXT] = instances.decode_context_tokens[instance]
    step[BUDGET] -= instances.decode_requests[instance]
    members = state.batches.prefilling[instance]
    for place in range(instances.prefilling_requests[instance]):
        if step[BUDGET] <= 0:
            break
        request = members[place]
        stored = state.requests.stored_tokens[request]
        chunk = next_chunk(world, instance, world.workload.table.input_tokens[request] - stored, step[BUDGET])
        compute_chunk(world, state, instance, request, chunk, stored)


@kernel
def _serve_in_order(world: World, state: State, instance: int) -> int:
    """Serve the running requests one by one in batch order, preempting where blocks are lacking."""
    step, instances, requests = state.scratch.step, state.instances, state.requests
    size = world.settings.block_size_tokens
    batch = state.batches.members[instance]
    while step[CURSOR] < instances.running_requests[instance] and step[BUDGET] > 0:
        request = batch[step[CURSOR]]
        stored = requests.stored_tokens[request]
        remaining = world.workload.table.input_tokens[request] - stored
        chunk = next_chunk(world, instance, remaining, step[BUDGET])
        if remaining > 0:
            needed = -(-(stored + chunk) // size) - -(-stored // size)
        else:
            needed = 1 if decode_position(state, instance, request) % size == 0 else 0
        if needed > free_blocks(world, state, instance):
            status = _preempt_one(world, state, instance)
            if status != DONE:
                return status
            continue
        if remaining > 0:
            compute_chunk(world, state, instance, request, chunk, stored)
        else:
            _decode_one(world, state, instance, request)
        step[CURSOR] += 1
    _leave_out_rest(world, state, instance)
    return DONE


@kernel
def _decode_one(world: World, state: State, instance: int, request: int) -> None:
    step, requests = state.scratch.step, state.requests
    size = world.settings.block_size_tokens
    position = decode_position(state, instance, request)
    if position % size == 0:
        take_blocks(world.settings, state.instances, state.cache, state.seen, instance, 1)
    if (position + 1) % size == 0 and requests.fill_previous[request] != -1:
        fill_block(world, state, instance, request, position // size)
        if keyed_blocks(world, state, request) <= position // size + 1:
            unlink_fill(state, instance, request)
    if requests.left_out_us[request] > 0:
        if state.instances.step_number[instance] == first_decode_step(world, state, request):
            state.instances.left_out_requests[instance] -= 1
    step[DECODE_REQUESTS] += 1
    step[DECODE_CONTEXT] += position
    step[BUDGET] -= 1


@kernel
def _leave_out_rest(world: World, state: State, instance: int) -> None:
    """Members beyond the budget do not advance: their last step comes one step later."""
    step, instances, requests = state.scratch.step, state.instances, state.requests
    step[LEFT_FROM] = step[CURSOR]
    step[LEFT_TO] = instances.running_requests[instance]
    for place in range(step[LEFT_FROM], step[LEFT_TO]):
        request = state.batches.members[instance, place]
        if requests.stored_tokens[request] < world.workload.table.input_tokens[request]:
            continue
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
def _preempt_one(world: World, state: State, instance: int) -> int:
    """Preempt the member that the policy names, among those not yet served in this step."""
    step, instances, requests = state.scratch.step, state.instances, state.requests
    first = step[CURSOR]
    count = instances.running_requests[instance] - first
    if world.settings.ranks_victims:
        # All at one moment: priorities of different moments cannot be compared.
        for place in range(first, first + count):
            request = state.batches.members[instance, place]
            prioritise_request(world, state, instance, request, step[NOW_US])
    if world.settings.asks_victim:
        if step[VICTIM] == _NOBODY:
            fill_candidates(world, state, instance)
            return AT_VICTIM
        choice = step[VICTIM]
    else:
        view = fill_candidates(world, state, instance)
        choice = victim_at(world.answers[NAMES_VICTIM])(view, world.parameters[PREEMPTION], world.memory[PREEMPTION])
    if choice < 0 or choice >= count:
        return BAD_TARGET
    victim = state.batches.members[instance, first + choice]
    own = own_blocks(world, victim)
    log = state.log
    if (
        not _has_room(world, state, step[NEED_NODES] + own)
        or not has_trace_room(world, state)
        or state.cache.counters[OWN_PLACES] + own > state.cache.own_held.shape[0]
        or log.counters[1] + 1 > log.lost.shape[0]
    ):
        step[NEED_NODES] += own
        step[NEED_OWN] = own
        return GROW
    step[VICTIM] = _NOBODY
    if world.settings.trace_level != NO_TRACE:
        record_preemption(world, state, instance, victim)
    preempt(world, state, instance, victim)
    step[PREEMPTED] = 1
    requests.left_out_us[victim] = 0
    return DONE


@kernel
def fill_candidates(world: World, state: State, instance: int) -> BatchView:
    """What the choice of a victim may see: the members not yet served in this step."""
    step, requests, room = state.scratch.step, state.requests, state.scratch.candidates
    count = state.instances.running_requests[instance] - step[CURSOR]
    for place in range(count):
        request = state.batches.members[instance, step[CURSOR] + place]
        stored = requests.stored_tokens[request]
        if stored >= world.workload.table.input_tokens[request]:
            stored = state.instances.step_number[instance] + requests.decode_base[request]
        room[0, place] = requests.priority[request]
        room[1, place] = requests.arrival_us[request]
        room[2, place] = world.workload.table.input_tokens[request]
        room[3, place] = stored
        room[4, place] = requests.preemptions[request]
    return BatchView(
        step[NOW_US],
        count,
        room[0, :count],
        room[1, :count],
        room[2, :count],
        room[3, :count],
        room[4, :count],
    )
