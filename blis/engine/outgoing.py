"""KV that is on its way from an instance until it has arrived elsewhere; and giving up a divided request."""

from blis.engine._jit import kernel
from blis.engine.awaiting_kv import receive_kv
from blis.engine.codes import HELD, KV_LOST, NOW_US, PREFILLING, RECEIVED, START_ROOT, TRANSFERRING, UNDIVIDED
from blis.engine.handing_over import plan_start, release_held
from blis.engine.next_event import call_for_step, set_next_event
from blis.engine.ranked_heap import make_node, melded, without
from blis.engine.room import has_room_beside
from blis.engine.state import State
from blis.engine.step_end import note_event
from blis.engine.views import World


@kernel
def send_kv(state: State, request: int, arrives_us: int) -> None:
    """Keep the blocks of a request on the instance that computed its prompt until then."""
    legs, instances = state.transfers.legs, state.instances
    instance = legs.prefill_instance[request]
    make_node(legs, request, float(arrives_us), state.requests.routing_rank[request])
    legs.phase[request] = TRANSFERRING
    instances.outgoing_root[instance] = melded(legs, instances.outgoing_root[instance], request)
    instances.outgoing_requests[instance] += 1
    set_next_event(state, instance)


@kernel
def run_kv_event(world: World, state: State, instance: int, now_us: int) -> bool:
    """Let KV go that has arrived elsewhere, or else arrive here; False, and nothing happens, without room."""
    root = state.instances.outgoing_root[instance]
    if root < 0 or state.transfers.legs.key[root] > now_us:
        return receive_kv(world, state, instance, now_us)
    if not has_room_beside(world, state, instance, 2):
        return False
    state.scratch.step[NOW_US] = now_us
    note_event(state, instance, now_us)
    _leave_outgoing(state, root)
    release_held(world, state, root, False)
    state.transfers.legs.phase[root] = RECEIVED
    wake(world, state, instance, now_us)
    return True


@kernel
def _leave_outgoing(state: State, request: int) -> None:
    legs, instances = state.transfers.legs, state.instances
    instance = legs.prefill_instance[request]
    instances.outgoing_root[instance] = without(legs, instances.outgoing_root[instance], request)
    instances.outgoing_requests[instance] -= 1


@kernel
def wake(world: World, state: State, instance: int, now_us: int) -> None:
    """Blocks have become free: whoever waits for them may be served."""
    if state.instances.queued_requests[instance] + state.instances.running_requests[instance] > 0:
        call_for_step(world, state, instance, now_us)


@kernel
def forget_start(state: State, request: int) -> None:
    """Let the transfer of a request not be tried any more."""
    legs, places = state.transfers.legs, state.transfers.places
    if legs.in_heap[request]:
        places[START_ROOT] = without(legs, places[START_ROOT], request)
        legs.in_heap[request] = 0


@kernel
def leave_line(state: State, request: int, now_us: int) -> None:
    """Let a request not wait for room at the instance that is to decode it any more; who is next is tried now."""
    legs, instances = state.transfers.legs, state.instances
    instance = legs.decode_instance[request]
    if instance < 0 or instances.line_head[instance] < 0:
        return
    following = legs.next_in_line[request]
    if instances.line_head[instance] == request:
        instances.line_head[instance] = following
        if following >= 0:
            plan_start(state, following, now_us)
    else:
        before = instances.line_head[instance]
        while before >= 0 and legs.next_in_line[before] != request:
            before = legs.next_in_line[before]
        if before < 0:  # it does not stand there
            return
        legs.next_in_line[before] = following
        if instances.line_tail[instance] == request:
            instances.line_tail[instance] = before
    legs.next_in_line[request] = -1
    if instances.line_head[instance] < 0:
        instances.line_tail[instance] = -1


@kernel
def forget_leg(world: World, state: State, request: int, now_us: int) -> None:
    """Let a request be undivided again, whatever part of it has been done; its KV is given up."""
    legs, instances = state.transfers.legs, state.instances
    phase, prefill, decode = legs.phase[request], legs.prefill_instance[request], legs.decode_instance[request]
    if phase == UNDIVIDED:
        return
    forget_start(state, request)
    if phase == PREFILLING:
        instances.prefill_legs[prefill] -= 1
    elif phase in (HELD, KV_LOST):
        leave_line(state, request, now_us)
        instances.awaiting_transfer_requests[prefill] -= 1
    if decode >= 0 and (phase in (PREFILLING, HELD, KV_LOST)):
        instances.promised_requests[decode] -= 1
    if phase == TRANSFERRING:
        _leave_outgoing(state, request)
    if phase in (HELD, TRANSFERRING):
        state.scratch.step[NOW_US] = now_us
        release_held(world, state, request, True)
        wake(world, state, prefill, now_us)
        set_next_event(state, prefill)
    legs.phase[request] = UNDIVIDED
    legs.prefill_instance[request] = -1
    legs.decode_instance[request] = -1
    legs.prefilled_us[request] = -1
    legs.started_us[request] = -1
    legs.arrives_us[request] = -1
