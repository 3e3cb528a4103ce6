"""Where another instance decodes than computes the prompt: the end of the prompt's part, and KV kept until it has left.

As with vLLM behind llm-d's side-car: the instance that prefills is asked for one token, which nobody sees. When the
step that completes the prompt ends, the request leaves its batch, but its blocks stay until the transfer is over; the
first token that the user sees is the first of the instance that decodes.
"""

from blis.engine._jit import kernel
from blis.engine.adapters import leave_adapter
from blis.engine.aside import bring_back
from blis.engine.codes import (
    AWAITING_TRANSFER,
    HELD,
    KV_LOST,
    PREFILLING,
    RECEIVED,
    RUNNING,
    START_ROOT,
    TRANSFERRING,
)
from blis.engine.gate_record import forget_running
from blis.engine.holding import release
from blis.engine.members import announce, complete, remove_from_batch
from blis.engine.own_blocks import key_own_blocks
from blis.engine.ranked_heap import make_node, melded
from blis.engine.state import State
from blis.engine.views import World
from blis.engine.waiting import forget_waiting


@kernel
def is_prefill_leg(world: World, state: State, request: int) -> bool:
    """Whether a request is on its instance for its prompt alone."""
    return world.settings.disaggregates != 0 and state.transfers.legs.phase[request] == PREFILLING


@kernel
def announce_end(world: World, state: State, instance: int, request: int, step_end_us: int) -> None:
    """The last step that the request needs from its instance, composed just now, ends then."""
    if not is_prefill_leg(world, state, request):
        announce(world, state, instance, request, step_end_us)
        return
    state.requests.leaves_us[request] = step_end_us
    state.transfers.legs.prefilled_us[request] = step_end_us
    # A microsecond later, when the instances have done what they do at the end of the step.
    plan_start(state, request, step_end_us + 1)


@kernel
def plan_start(state: State, request: int, try_us: int) -> None:
    """Let the start of a transfer be tried then."""
    legs, places = state.transfers.legs, state.transfers.places
    make_node(legs, request, float(try_us), state.requests.routing_rank[request])
    legs.in_heap[request] = 1
    places[START_ROOT] = melded(legs, places[START_ROOT], request)


@kernel
def end_stay(world: World, state: State, instance: int, request: int, stored_tokens: int) -> None:
    """The step that the request needed last has ended, or counts as ended: it completes, or its KV is to leave."""
    if is_prefill_leg(world, state, request):
        _hand_over(world, state, instance, request)
    else:
        complete(world, state, instance, request, stored_tokens)


@kernel
def _hand_over(world: World, state: State, instance: int, request: int) -> None:
    requests, instances, legs = state.requests, state.instances, state.transfers.legs
    if requests.status[request] == RUNNING:
        remove_from_batch(state, instance, request)
        if world.settings.gate_evicts:
            forget_running(world, state, request)
        if world.settings.has_adapters and leave_adapter(world, state, instance, request):
            bring_back(world, state, instance)
        legs.last_piece[request] = requests.last_piece[request]
        legs.registered_blocks[request] = requests.registered_blocks[request]
        legs.detached_blocks[request] = requests.detached_blocks[request]
        requests.last_piece[request] = -1
        requests.registered_blocks[request] = 0
        requests.detached_blocks[request] = 0
        requests.stored_tokens[request] = 0
        legs.phase[request] = HELD
    else:  # preempted while its last step was under way
        forget_waiting(world, state, instance, request)
        legs.phase[request] = KV_LOST
    requests.status[request] = AWAITING_TRANSFER
    requests.leaves_us[request] = -1
    instances.prefill_legs[instance] -= 1
    instances.awaiting_transfer_requests[instance] += 1
    instances.idle_preemptions[instance] = 0


@kernel
def release_held(world: World, state: State, request: int, is_given_up: bool) -> None:
    """Give back the blocks that a request holds where its prompt was computed; the caller has made room for two runs.

    If it is given up the request may come back and find them.
    """
    requests, legs = state.requests, state.transfers.legs
    last_piece, instance = requests.last_piece[request], requests.instance[request]
    registered, detached = requests.registered_blocks[request], requests.detached_blocks[request]
    text, prompt = requests.text_tokens[request], world.workload.table.input_tokens[request]
    requests.instance[request] = legs.prefill_instance[request]
    requests.last_piece[request] = legs.last_piece[request]
    requests.registered_blocks[request] = legs.registered_blocks[request]
    requests.detached_blocks[request] = legs.detached_blocks[request]
    requests.text_tokens[request] = prompt
    if is_given_up:
        key_own_blocks(world, state, legs.prefill_instance[request], request, prompt)
    release(world, state, legs.prefill_instance[request], request, prompt, prompt)
    requests.instance[request], requests.last_piece[request] = instance, last_piece
    requests.registered_blocks[request], requests.detached_blocks[request] = registered, detached
    requests.text_tokens[request] = text
    legs.last_piece[request] = -1
    legs.registered_blocks[request] = 0
    legs.detached_blocks[request] = 0


@kernel
def note_received_token(world: World, state: State, instance: int, request: int) -> None:
    """Count a first token of a request whose prompt was computed elsewhere, and whether it comes too late."""
    if not world.settings.disaggregates:
        return
    phase = state.transfers.legs.phase[request]
    if phase != TRANSFERRING and phase != RECEIVED:
        return
    requests = state.requests
    state.instances.received_first_tokens[instance] += 1
    if requests.first_token_us[request] - requests.arrival_us[request] > world.workload.table.ttft_target_us[request]:
        state.instances.late_first_tokens[instance] += 1
