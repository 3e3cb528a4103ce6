"""The order of events, and how one instance moves through its own.

Time is int64 microseconds. Everything of the cluster at time t (arrivals, then admissions, then routings)
precedes everything of its instances at t; instances go in the order of their index; within an instance KV
arrives before a request enters the queue, and that is before the step of the same microsecond. Instances do
not see each other, so each runs by itself up to the next event of the cluster.
"""

from blis.engine._jit import kernel
from blis.engine.batch import continue_step, start_step
from blis.engine.codes import (
    BETWEEN_STEPS,
    DONE,
    DROPPED,
    EVENTS,
    GROW,
    NEVER_US,
    OUT_OF_EVENTS,
    QUEUED,
    STAGE,
    STALLED,
    STUCK_INSTANCE,
)
from blis.engine.decode_run import run_decodes
from blis.engine.feedback import release_followers
from blis.engine.handing_over import is_prefill_leg
from blis.engine.heap import AS_QUEUED, meld, without_root
from blis.engine.next_event import call_for_step, next_kv_us, set_next_event
from blis.engine.observation import has_trace_room
from blis.engine.outgoing import forget_leg, run_kv_event
from blis.engine.patience import begin_patience, end_patience
from blis.engine.room import has_room_for_step
from blis.engine.sent_prompts import note_dropped
from blis.engine.state import State
from blis.engine.step_end import note_event
from blis.engine.two_steps import end_steps
from blis.engine.views import World
from blis.engine.waiting import count_waiting, enqueue


@kernel
def inject(world: World, state: State, instance: int, request: int, now_us: int) -> None:
    """A routed request reaches its instance; it enters the wait queue after the queueing delay."""
    requests, instances, limits = state.requests, state.instances, world.limits
    delay_us = int(
        limits.queueing_us[instance]
        + limits.queueing_us_per_token[instance] * world.workload.table.input_tokens[request]
    )
    requests.queued_us[request] = now_us + delay_us
    requests.link[request] = -1
    requests.back_link[request] = -1
    root = instances.pending_root[instance]
    instances.pending_root[instance] = meld(AS_QUEUED, world.workload, requests, root, request)
    instances.pending_requests[instance] += 1
    instances.pending_tokens[instance] += world.workload.table.input_tokens[request]
    instances.in_flight_requests[instance] += 1
    if world.settings.times_out:
        begin_patience(world, state, request)
    note_event(state, instance, now_us)
    set_next_event(state, instance)


@kernel
def never_fits(world: World, instance: int, request: int) -> bool:
    """Whether the instance can never serve the request, however empty it is."""
    size = world.settings.block_size_tokens
    prompt, outputs = world.workload.table.input_tokens[request], world.workload.table.output_tokens[request]
    total = world.limits.total_blocks[instance]
    if -(-prompt // size) > total:
        return True
    if not world.settings.drop_oversized_total:
        return False
    longest = world.limits.max_model_len_tokens[instance]
    if longest > 0 and (prompt >= longest or prompt + outputs > longest):
        return True
    # The final token need not be stored.
    return -(-(prompt + max(outputs, 1) - 1) // size) > total


@kernel
def _can_never_serve(world: World, state: State, instance: int, request: int) -> bool:
    """The same of what the request is on the instance for: all of it, or its prompt alone."""
    if not is_prefill_leg(world, state, request):
        return never_fits(world, instance, request)
    prompt, longest = world.workload.table.input_tokens[request], world.limits.max_model_len_tokens[instance]
    blocks = -(-prompt // world.settings.block_size_tokens)
    return blocks > world.limits.total_blocks[instance] or (longest > 0 and prompt >= longest)


@kernel
def _enter_queue(world: World, state: State, instance: int, now_us: int) -> None:
    requests, instances = state.requests, state.instances
    request = instances.pending_root[instance]
    instances.pending_root[instance] = without_root(AS_QUEUED, world.workload, requests, request)
    instances.pending_requests[instance] -= 1
    instances.pending_tokens[instance] -= world.workload.table.input_tokens[request]
    note_event(state, instance, now_us)
    if _can_never_serve(world, state, instance, request):
        if world.settings.disaggregates:
            forget_leg(world, state, request, now_us)
        requests.status[request] = DROPPED
        instances.dropped_requests[instance] += 1
        instances.in_flight_requests[instance] -= 1
        if world.settings.times_out:
            end_patience(state, request)
        if world.settings.has_gateway:
            state.gateway.in_flight_tokens[instance] -= world.workload.table.input_tokens[request]
        if world.settings.needs_prompts:
            note_dropped(world, state, instance, request)
        if world.settings.lookahead_us != NEVER_US:
            # A microsecond later, so that nobody hears of it in the past.
            release_followers(world, state, request, now_us + 1)
        return
    requests.status[request] = QUEUED
    instances.input_tokens[instance] += world.workload.table.input_tokens[request]
    count_waiting(world, state, instance, request)
    enqueue(world, state, instance, request, False)
    call_for_step(world, state, instance, now_us)


@kernel
def _queueing_is_next(world: World, state: State, instance: int, queueing_us: int) -> bool:
    """Whether the next event is a queueing rather than the step."""
    step_us = state.instances.next_step_us[instance]
    if queueing_us != step_us:
        return queueing_us < step_us
    if queueing_us == NEVER_US:
        return False
    if world.settings.order_by_kind:
        return True
    root = state.instances.pending_root[instance]
    delay_us = int(
        world.limits.queueing_us[instance]
        + world.limits.queueing_us_per_token[instance] * world.workload.table.input_tokens[root]
    )
    return 2 * (queueing_us - delay_us) < state.instances.step_fixed[instance]


@kernel
def advance(world: World, state: State, instance: int, until_us: int) -> int:
    """Run an instance's events before `until_us`; return DONE or the reason why it stopped earlier."""
    requests, instances, cluster = state.requests, state.instances, state.scratch.cluster
    in_step = state.scratch.step[STAGE] != BETWEEN_STEPS
    while True:
        if not in_step:
            root = instances.pending_root[instance]
            queueing_us = requests.queued_us[root] if root >= 0 else NEVER_US
            kv_us = next_kv_us(state, instance) if world.settings.awaits_kv else NEVER_US
            if kv_us < NEVER_US and kv_us <= min(queueing_us, instances.next_step_us[instance]):
                if kv_us >= until_us:
                    break
                if not run_kv_event(world, state, instance, kv_us):
                    return GROW
                cluster[EVENTS] += 1
                continue
            if _queueing_is_next(world, state, instance, queueing_us):
                if queueing_us >= until_us:
                    break
                cluster[EVENTS] += 1
                _enter_queue(world, state, instance, queueing_us)
                continue
            step_us = instances.next_step_us[instance]
            if step_us >= until_us:
                break
            if cluster[EVENTS] > world.settings.max_events:
                cluster[STUCK_INSTANCE] = instance
                return OUT_OF_EVENTS
            if instances.idle_preemptions[instance] > world.settings.max_idle_preemptions:
                cluster[STUCK_INSTANCE] = instance
                return STALLED
            if not has_trace_room(world, state):
                return GROW
            if world.limits.async_scheduling[instance]:
                if not has_room_for_step(world, state, instance):
                    return GROW
                if not end_steps(world, state, instance, step_us):
                    cluster[EVENTS] += 1
                    continue
            steps = run_decodes(world, state, instance, min(until_us, queueing_us, kv_us))
            cluster[EVENTS] += max(steps, 1)
            if steps > 0:
                continue
            status = start_step(world, state, instance, step_us)
            if status != DONE:
                return status
        in_step = False
        status = continue_step(world, state)
        if status != DONE:
            return status
    set_next_event(state, instance)
    return DONE
