"""What a trace keeps of instances: a sample of every batch formed, what went wrong in its forming, and preemptions."""

from blis.engine._jit import kernel
from blis.engine.codes import (
    AFTER_PREEMPTION,
    BATCH_FULL,
    BLOCKS_LACKING,
    BUDGET_USED,
    BY_NOTHING,
    DECODE_REQUESTS,
    NO_TRACE,
    NOW_US,
    PREEMPTED,
    PREFILL_TOKENS,
    QUEUE_EMPTY,
    SLOTS_LACKING,
    STOPPED_BY,
    TAKEN_FROM,
)
from blis.engine.passed_over import first_that_fits, look_for_inversion
from blis.engine.preempting import stored_tokens
from blis.engine.state import State
from blis.engine.views import World
from blis.engine.waiting import first_waiting

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
        samples.fitting_request[entry] = first_that_fits(world, state, instance, blocked)
        if samples.fitting_request[entry] >= 0:
            samples.blocked_request[entry] = blocked
    if samples.taken_requests[entry] > 0 and world.settings.urgency_kind != BY_NOTHING:
        look_for_inversion(world, state, instance, entry)


@kernel
def end_sample(state: State, instance: int) -> None:
    """The step of the sample has been priced."""
    entry = state.trace.counters[SAMPLES]
    state.trace.counters[SAMPLES] = entry + 1
    state.trace.samples.length_us[entry] = state.instances.step_us[instance]


@kernel
def sample_decodes(world: World, state: State, instance: int, start_us: int, steps: int, length_us: int) -> None:
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
    is_full = instances.waiting_head[instance] >= 0
    samples.stopped_by[entry] = BATCH_FULL if is_full else _empty(world, state, instance)
    samples.blocked_request[entry] = -1
    samples.fitting_request[entry] = -1
    samples.inverted_requests[entry] = 0
    samples.inverted_request[entry] = -1
    samples.passed_request[entry] = -1


@kernel
def _empty(world: World, state: State, instance: int) -> int:
    """Why nobody was left in the queue: it is empty, or whoever waits finds no slot."""
    if world.settings.has_adapters and state.adapters.holders.aside_head[instance] >= 0:
        return SLOTS_LACKING
    return QUEUE_EMPTY


@kernel
def _stopped_by(world: World, state: State, instance: int) -> int:
    step, instances = state.scratch.step, state.instances
    if instances.waiting_head[instance] < 0:
        return _empty(world, state, instance)
    if step[PREEMPTED] != 0:
        return AFTER_PREEMPTION
    if step[STOPPED_BY] == BLOCKS_LACKING:
        return BLOCKS_LACKING
    if instances.running_requests[instance] >= world.limits.max_running_requests[instance]:
        return BATCH_FULL
    return BUDGET_USED
