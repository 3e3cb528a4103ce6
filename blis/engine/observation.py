"""What a trace keeps of instances: a sample of every batch formed, what went wrong in its forming, and preemptions."""

from blis.engine._jit import kernel
from blis.engine.codes import (
    AFTER_PREEMPTION,
    BATCH_FULL,
    BLOCKS_LACKING,
    BUDGET,
    BUDGET_USED,
    BY_NOTHING,
    BY_PRIORITY,
    BY_QUEUEING,
    DECODE_REQUESTS,
    FIXED_ORDER,
    NO_TRACE,
    NOW_US,
    PREEMPTED,
    PREFILL_TOKENS,
    QUEUE_EMPTY,
    STOPPED_BY,
    TAKEN_FROM,
)
from blis.engine.free_blocks import free_blocks
from blis.engine.preempting import stored_tokens
from blis.engine.reference import by_reference
from blis.engine.state import State
from blis.engine.taking import prospect
from blis.engine.views import PRIORITY, RANKS_URGENCY, World, prioritise_at
from blis.engine.waiting import first_waiting, queue_view, request_view

PREEMPTIONS, SAMPLES = range(2)  # places of `trace.counters`


@kernel
def has_trace_room(world: World, state: State) -> bool:
    """Whether one more preemption and one more sample can be recorded."""
    if world.settings.trace_level == NO_TRACE:
        return True
    trace = state.trace
    return (
        trace.counters[PREEMPTIONS] + 1 < trace.preemptions.shape[0]
        and trace.counters[SAMPLES] + 1 < trace.samples.shape[0]
    )


@kernel
def record_preemption(world: World, state: State, instance: int, request: int) -> None:
    """Keep who gives way, before it does."""
    trace = state.trace
    entry = trace.counters[PREEMPTIONS]
    trace.counters[PREEMPTIONS] = entry + 1
    trace.preemptions.clock_us[entry] = state.scratch.step[NOW_US]
    trace.preemptions.instance[entry] = instance
    trace.preemptions.request[entry] = request
    trace.preemptions.running_requests[entry] = state.instances.running_requests[instance]
    trace.preemptions.lost_tokens[entry] = stored_tokens(world, state, instance, request)


@kernel
def begin_sample(world: World, state: State, instance: int, start_us: int) -> None:
    """Describe the batch that has just been formed; the sample counts once `end_sample` has given its length."""
    step, instances, samples = state.scratch.step, state.instances, state.trace.samples
    entry = state.trace.counters[SAMPLES]
    samples.clock_us[entry] = start_us
    samples.steps[entry] = 1
    samples.instance[entry] = instance
    samples.queued_requests[entry] = instances.queued_requests[instance]
    samples.running_requests[entry] = instances.running_requests[instance]
    samples.taken_requests[entry] = instances.running_requests[instance] - step[TAKEN_FROM]
    samples.prefill_tokens[entry] = step[PREFILL_TOKENS]
    samples.decode_requests[entry] = step[DECODE_REQUESTS]
    samples.used_blocks[entry] = instances.used_blocks[instance]
    samples.blocked_request[entry] = -1
    samples.fitting_request[entry] = -1
    samples.inverted_requests[entry] = 0
    samples.inverted_request[entry] = -1
    samples.passed_request[entry] = -1
    samples.stopped_by[entry] = _stopped_by(world, state, instance)
    if instances.waiting_head[instance] < 0:
        return
    if step[STOPPED_BY] == BLOCKS_LACKING:
        blocked = first_waiting(world, state, instance)
        samples.fitting_request[entry] = _first_that_fits(world, state, instance, blocked)
        if samples.fitting_request[entry] >= 0:
            samples.blocked_request[entry] = blocked
    if samples.taken_requests[entry] > 0 and world.settings.urgency_kind != BY_NOTHING:
        _look_for_inversion(world, state, instance, entry)


@kernel
def end_sample(state: State, instance: int) -> None:
    """The step of the sample has been priced."""
    entry = state.trace.counters[SAMPLES]
    state.trace.counters[SAMPLES] = entry + 1
    state.trace.samples.length_us[entry] = state.instances.step_us[instance]


@kernel
def sample_decodes(state: State, instance: int, start_us: int, steps: int, length_us: int) -> None:
    """Keep a run of steps in which a constant batch only decoded, as one sample."""
    instances, samples = state.instances, state.trace.samples
    entry = state.trace.counters[SAMPLES]
    state.trace.counters[SAMPLES] = entry + 1
    samples.clock_us[entry] = start_us
    samples.length_us[entry] = length_us
    samples.steps[entry] = steps
    samples.instance[entry] = instance
    samples.queued_requests[entry] = instances.queued_requests[instance]
    samples.running_requests[entry] = instances.running_requests[instance]
    samples.taken_requests[entry] = 0
    samples.prefill_tokens[entry] = 0
    samples.decode_requests[entry] = instances.decode_requests[instance]
    samples.used_blocks[entry] = instances.used_blocks[instance]
    samples.stopped_by[entry] = BATCH_FULL if instances.waiting_head[instance] >= 0 else QUEUE_EMPTY
    samples.blocked_request[entry] = -1
    samples.fitting_request[entry] = -1
    samples.inverted_requests[entry] = 0
    samples.inverted_request[entry] = -1
    samples.passed_request[entry] = -1


@kernel
def _stopped_by(world: World, state: State, instance: int) -> int:
    step, instances = state.scratch.step, state.instances
    if instances.waiting_head[instance] < 0:
        return QUEUE_EMPTY
    if step[PREEMPTED] != 0:
        return AFTER_PREEMPTION
    if step[STOPPED_BY] == BLOCKS_LACKING:
        return BLOCKS_LACKING
    if instances.running_requests[instance] >= world.limits.max_running_requests[instance]:
        return BATCH_FULL
    return BUDGET_USED


@kernel
def list_waiting(world: World, state: State, instance: int) -> int:
    """Write the waiting requests into `scratch.order`, in no particular order; return their number.

    Only between the taking and the end of a step, when `scratch.order` is free.
    """
    requests, order = state.requests, state.scratch.order
    request = state.instances.waiting_head[instance]
    count = 0
    if request < 0:
        return count
    order[0] = request
    count = 1
    if world.settings.queue_kind != FIXED_ORDER:
        while requests.link[order[count - 1]] >= 0:
            order[count] = requests.link[order[count - 1]]
            count += 1
        return count
    place = 0
    while place < count:  # a heap's children hang below their parents
        child = requests.back_link[order[place]]
        while child >= 0:
            order[count] = child
            count += 1
            child = requests.link[child]
        place += 1
    return count


@kernel
def _first_that_fits(world: World, state: State, instance: int, blocked: int) -> int:
    """The earliest queued request other than `blocked` for which there are blocks now; -1: none."""
    budget = max(1, state.scratch.step[BUDGET])
    free = free_blocks(world, state, instance)
    found = -1
    if free <= 0:  # every request needs a block
        return found
    for place in range(list_waiting(world, state, instance)):
        request = state.scratch.order[place]
        if request == blocked or (found >= 0 and not _is_older(world, state, request, found)):
            continue
        if prospect(world, state, instance, request, budget)[4] <= free:
            found = request
    return found


@kernel
def _is_older(world: World, state: State, one: int, other: int) -> bool:
    """Whether one has the older claim: by arrival where priorities decide, by entering the queue where they do not."""
    requests = state.requests
    if world.settings.urgency_kind == BY_PRIORITY:
        return requests.arrival_us[one] < requests.arrival_us[other]
    if requests.queued_us[one] != requests.queued_us[other]:
        return requests.queued_us[one] < requests.queued_us[other]
    return requests.routing_rank[one] < requests.routing_rank[other]


@kernel
def _urgency(world: World, state: State, instance: int, request: int) -> float:
    """How urgent the request is now, by the order that the policies stand for; equal where there is none."""
    if world.settings.urgency_kind != BY_PRIORITY:
        return 0.0
    view = by_reference(queue_view(world, state.instances, instance, state.scratch.step[NOW_US]))
    seen = by_reference(request_view(world, state.requests, request))
    return prioritise_at(world.answers[RANKS_URGENCY])(view, seen, world.parameters[PRIORITY], world.memory[PRIORITY])


@kernel
def _look_for_inversion(world: World, state: State, instance: int, entry: int) -> None:
    """Find the most urgent request that still waits, though it would have fitted in place of a less urgent one taken.

    More urgent is: by the policies' own order at this moment, and among equals whoever has the older claim.
    """
    step, requests, samples = state.scratch.step, state.requests, state.trace.samples
    first, last = step[TAKEN_FROM], state.instances.running_requests[instance]
    least = state.batches.members[instance, first]
    least_urgency = _urgency(world, state, instance, least)
    for place in range(first + 1, last):
        request = state.batches.members[instance, place]
        urgency = _urgency(world, state, instance, request)
        if urgency < least_urgency or (urgency == least_urgency and _is_older(world, state, least, request)):
            least, least_urgency = request, urgency
    if world.settings.urgency_kind == BY_QUEUEING:
        head = first_waiting(world, state, instance)  # the oldest: if even it came after those taken, all did
        if not _goes_first(world, state, head, 0.0, least, least_urgency):
            return
    size = world.settings.block_size_tokens
    room = free_blocks(world, state, instance) + -(-requests.stored_tokens[least] // size)
    passed, passed_urgency = -1, 0.0
    for place in range(list_waiting(world, state, instance)):
        request = state.scratch.order[place]
        urgency = _urgency(world, state, instance, request)
        if not _goes_first(world, state, request, urgency, least, least_urgency):
            continue
        if passed >= 0 and not _goes_first(world, state, request, urgency, passed, passed_urgency):
            continue
        if prospect(world, state, instance, request, world.limits.step_token_budget[instance])[4] <= room:
            passed, passed_urgency = request, urgency
    if passed < 0:
        return
    samples.passed_request[entry] = passed
    samples.inverted_request[entry] = least
    for place in range(first, last):
        request = state.batches.members[instance, place]
        if _goes_first(world, state, passed, passed_urgency, request, _urgency(world, state, instance, request)):
            samples.inverted_requests[entry] += 1


@kernel
def _goes_first(world: World, state: State, one: int, urgency: float, other: int, other_urgency: float) -> bool:
    return urgency > other_urgency or (urgency == other_urgency and _is_older(world, state, one, other))
