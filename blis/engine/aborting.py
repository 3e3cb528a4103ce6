"""Taking one request away from wherever it is, because nobody waits for its answer any more.

A request that runs leaves its batch as at the composition of the step that comes next: a step that is under way ends as
it was composed, tokens of the request included. Its blocks are free at once, and keep what others may find in
them. Nothing is taken away from a request whose last token is known: it ends by itself. Nor is it on its
way through admission and routing: it is taken away where it comes to next.

Source: vLLM 0.32, `Scheduler.finish_requests` with FINISHED_ABORTED, called between two steps. Differs where KV is on
its way: there its blocks stay held until that is over.
"""

from blis.engine._jit import kernel
from blis.engine.aside import bring_back
from blis.engine.awaiting_kv import leave_loaded, stop_awaiting
from blis.engine.codes import (
    AWAITING_EMBEDDINGS,
    AWAITING_KV,
    CLIENT_LEFT,
    ENCODING,
    FIXED_ORDER,
    GATEWAY_QUEUED,
    N_CANCELLED,
    N_CANCELLED_SENT,
    NEVER_US,
    NOT_STARTED,
    NOW_US,
    QUEUED,
    RUNNING,
    UNDER_WAY,
)
from blis.engine.emptying import begin_life, leave_queue
from blis.engine.encoding_apart import stop_encoding
from blis.engine.endings import has_ended
from blis.engine.feedback import REFUSED_PAUSE_US, release_followers
from blis.engine.gate_queue import ask_again, leave
from blis.engine.gate_record import forget_running
from blis.engine.handing_over import is_prefill_leg
from blis.engine.heap import AS_QUEUED, AS_TAKEN, meld, without_root
from blis.engine.holding import release
from blis.engine.next_event import set_next_event
from blis.engine.outgoing import forget_leg, wake
from blis.engine.own_blocks import key_own_blocks, new_own_segments
from blis.engine.patience import end_patience
from blis.engine.preempting import leave_batch
from blis.engine.room import has_room_beside
from blis.engine.sent_prompts import note_dropped
from blis.engine.state import LOST_ENTRIES, PAUSES, State
from blis.engine.step_end import note_event
from blis.engine.swapping import lose_copy
from blis.engine.views import World
from blis.engine.waiting import forget_waiting, unlink_waiting

#: What has come of it: done; over, or about to be; not yet, where it is; not before arrays have grown.
ABORTED, TOO_LATE, TOO_EARLY, LACKS_ROOM = range(4)
_NOBODY = -1


@kernel
def abort(world: World, state: State, request: int, now_us: int) -> int:
    """Cancel a request between two events; what has come of it."""
    requests, status = state.requests, state.requests.status[request]
    if has_ended(status):
        return TOO_LATE
    if requests.leaves_us[request] >= 0:  # of a prompt that is computed for elsewhere, nobody gets that token
        return TOO_EARLY if is_prefill_leg(world, state, request) else TOO_LATE
    if status == GATEWAY_QUEUED:
        leave(world, state, request)
        ask_again(world, state, now_us)  # a detector may count who waits
        state.gateway.requests.ended_us[request] = now_us
        _end(world, state, request, False, now_us)
        return ABORTED
    came = leave_instance(world, state, request, now_us)
    if came == ABORTED:
        _end(world, state, request, True, now_us)
        if world.settings.has_gateway:  # there is room for who waits in front of the router
            ask_again(world, state, now_us)
    return came


@kernel
def leave_instance(world: World, state: State, request: int, now_us: int) -> int:
    """Take a request whose last token is not known away from its instance; what has come of it.

    It is then as before it was routed, but for what it has cost.
    """
    requests = state.requests
    instance, status = requests.instance[request], requests.status[request]
    if instance < 0:
        return TOO_EARLY
    if not _has_room(world, state, instance, request):
        return LACKS_ROOM
    if status == NOT_STARTED:
        _leave_pending(world, state, instance, request, now_us)
    elif status == QUEUED:
        _leave_waiting(world, state, instance, request, now_us)
    elif status == RUNNING:
        take_from_batch(world, state, request, now_us)
    elif status in (ENCODING, AWAITING_EMBEDDINGS):
        stop_encoding(world, state, request)
        _forget_here(world, state, instance, request, now_us)
    else:
        _leave_moving(world, state, instance, request, now_us)
    return ABORTED


@kernel
def take_from_batch(world: World, state: State, request: int, now_us: int) -> None:
    """Take a running request away from its instance, as at the composition of the step that comes next.

    The caller has seen to the room, and that its last token is not known yet.
    """
    instances, requests, step = state.instances, state.requests, state.scratch.step
    instance = requests.instance[request]
    before = state.log.counters[LOST_ENTRIES]
    instances.step_number[instance] += 1
    step[UNDER_WAY] = 1 if instances.steps_under_way[instance] > 0 else 0
    step[NOW_US] = now_us
    leave_batch(world, state, instance, request, False)
    instances.step_number[instance] -= 1
    step[UNDER_WAY] = 0
    if world.settings.gate_evicts:
        forget_running(world, state, request)
    for entry in range(before, state.log.counters[LOST_ENTRIES]):
        state.log.lost.request[entry] = _NOBODY
    _forget_here(world, state, instance, request, now_us)


@kernel
def _leave_pending(world: World, state: State, instance: int, request: int, now_us: int) -> None:
    """Take a request that is on its way into the wait queue off the heap of those."""
    instances, requests, staying = state.instances, state.requests, _NOBODY
    while instances.pending_root[instance] >= 0:
        first = instances.pending_root[instance]
        instances.pending_root[instance] = without_root(AS_QUEUED, world.workload, requests, first)
        requests.link[first] = -1
        requests.back_link[first] = -1
        if first != request:
            staying = meld(AS_QUEUED, world.workload, requests, staying, first)
    instances.pending_root[instance] = staying
    instances.pending_requests[instance] -= 1
    instances.pending_tokens[instance] -= world.workload.table.input_tokens[request]
    _forget_here(world, state, instance, request, now_us)


@kernel
def _leave_waiting(world: World, state: State, instance: int, request: int, now_us: int) -> None:
    """Take a request out of the wait queue, wherever it stands, or out of those that return to it."""
    if _leave_returning(state, instance, request):
        forget_waiting(world, state, instance, request)
    else:
        if world.settings.has_adapters:
            bring_back(world, state, instance)
        if world.settings.queue_kind == FIXED_ORDER:
            _leave_ordered(world, state, instance, request)
        else:
            unlink_waiting(state, instance, request)
        leave_queue(world, state, instance, request)
        stored = state.requests.stored_tokens[request]
        if stored > 0:  # its KV has come
            state.scratch.step[NOW_US] = now_us
            leave_loaded(state, instance, request)
            key_own_blocks(world, state, instance, request, stored)
            release(world, state, instance, request, stored, stored)
    _forget_here(world, state, instance, request, now_us)
    wake(world, state, instance, now_us)  # who stood behind it may be served where it could not
    set_next_event(state, instance)


@kernel
def _leave_moving(world: World, state: State, instance: int, request: int, now_us: int) -> None:
    """Take a request whose KV comes, or waits to leave, away from its instance, and what it holds elsewhere too."""
    requests = state.requests
    state.scratch.step[NOW_US] = now_us
    if requests.status[request] == AWAITING_KV:
        stop_awaiting(state, instance, request)
        known = requests.registered_blocks[request] * world.settings.block_size_tokens
        release(world, state, instance, request, requests.stored_tokens[request], known)
    _forget_here(world, state, instance, request, now_us)
    wake(world, state, instance, now_us)
    set_next_event(state, instance)


@kernel
def _leave_returning(state: State, instance: int, request: int) -> bool:
    """Whether a request gave way in a step that has not ended, after which it would have returned to the queue."""
    returning, count, kept = state.batches.returning[instance], state.instances.returning_requests[instance], 0
    for place in range(count):
        if returning[place] != request:
            returning[kept] = returning[place]
            kept += 1
    state.instances.returning_requests[instance] = kept
    return kept < count


@kernel
def _leave_ordered(world: World, state: State, instance: int, request: int) -> None:
    """Take a request out of the heap of those that wait: whoever goes before it comes out, and back."""
    instances, requests, earlier = state.instances, state.requests, _NOBODY
    while True:
        first = instances.waiting_head[instance]
        instances.waiting_head[instance] = without_root(AS_TAKEN, world.workload, requests, first)
        requests.link[first] = -1
        requests.back_link[first] = -1
        if first == request:
            break
        earlier = meld(AS_TAKEN, world.workload, requests, earlier, first)
    head = instances.waiting_head[instance]
    instances.waiting_head[instance] = meld(AS_TAKEN, world.workload, requests, head, earlier)


@kernel
def _forget_here(world: World, state: State, instance: int, request: int, now_us: int) -> None:
    """Let a request that is in no list of its instance any more be as one that was never sent there."""
    instances, requests = state.instances, state.requests
    has_written = requests.text_tokens[request] > world.workload.table.input_tokens[request]
    if world.settings.resume_keeps_output and has_written:
        instances.resuming_requests[instance] -= 1
    instances.in_flight_requests[instance] -= 1
    instances.taken_away_requests[instance] += 1
    if world.settings.has_gateway:
        state.gateway.in_flight_tokens[instance] -= world.workload.table.input_tokens[request]
    if world.settings.needs_prompts and requests.sent_tokens[request] >= 0:
        note_dropped(world, state, instance, request)
    if requests.preemptions[request] > 0 or state.log.counters[PAUSES] > 0:
        _forget_logged(state, request)
    if world.settings.disaggregates:
        forget_leg(world, state, request, now_us)
    if world.settings.swaps:
        lose_copy(state, instance, request)
    if world.settings.times_out:
        end_patience(state, request)
    begin_life(world, state, request)
    if instances.running_requests[instance] + instances.queued_requests[instance] == 0:
        if instances.steps_under_way[instance] == 0:
            instances.next_step_us[instance] = NEVER_US
    note_event(state, instance, now_us)
    set_next_event(state, instance)


@kernel
def _forget_logged(state: State, request: int) -> None:
    """Let what the log says of the life that ends count for nobody."""
    lost, pauses = state.log.lost, state.log.pauses
    for entry in range(state.log.counters[LOST_ENTRIES]):
        if lost.request[entry] == request:
            lost.request[entry] = _NOBODY
    for entry in range(state.log.counters[PAUSES]):
        if pauses.request[entry] == request:
            pauses.request[entry] = _NOBODY


@kernel
def _has_room(world: World, state: State, instance: int, request: int) -> bool:
    own = 2 * new_own_segments(world, state, request) + 4
    return has_room_beside(world, state, instance, own) and state.log.counters[LOST_ENTRIES] < state.log.lost.shape[0]


@kernel
def _end(world: World, state: State, request: int, was_sent: bool, now_us: int) -> None:
    """Count it, and let the requests come that wait for its end, as after a refusal."""
    state.requests.status[request] = CLIENT_LEFT
    state.scratch.cluster[N_CANCELLED] += 1
    if was_sent:
        state.scratch.cluster[N_CANCELLED_SENT] += 1
    if world.settings.lookahead_us != NEVER_US:
        release_followers(world, state, request, now_us + REFUSED_PAUSE_US)
