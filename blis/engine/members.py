"""What happens to one member of a batch: its way into and out of decoding, its end.

What a request computes before it decodes is its text: its prompt, and behind it what it had written when it was
preempted.
"""

from blis.engine._jit import kernel
from blis.engine.adapters import adapter_tokens, leave_adapter
from blis.engine.aside import bring_back
from blis.engine.codes import COMPLETED, NEVER_US, RUNNING
from blis.engine.feedback import release_followers
from blis.engine.gate_record import forget_running, note_served
from blis.engine.heap import push_finish
from blis.engine.holding import fill_blocks, release, store_tokens
from blis.engine.output_estimates import note_length
from blis.engine.patience import end_patience
from blis.engine.sequence import keyed_blocks
from blis.engine.service import charge_rest
from blis.engine.state import State
from blis.engine.views import World
from blis.engine.waiting import forget_waiting


@kernel
def fill_known(world: World, state: State, instance: int, request: int, known_tokens: int) -> None:
    """Give a decode block its key if the known tokens fill it just now and it has none yet."""
    size = world.settings.block_size_tokens
    if known_tokens % size != 0:
        return
    end, keyed = known_tokens // size, keyed_blocks(world, state, request)
    fill_blocks(world, state, instance, request, min(end, keyed))
    if keyed <= end:
        unlink_fill(state, instance, request)


@kernel
def decode_position(state: State, instance: int, request: int) -> int:
    """Tokens that a decoding request holds before the step whose number is current."""
    return state.instances.step_number[instance] + state.requests.decode_base[request]


@kernel
def _first_unfilled_key(world: World, state: State, request: int, position: int) -> bool:
    return keyed_blocks(world, state, request) > position // world.settings.block_size_tokens


@kernel
def link_phases(world: World, state: State, instance: int, request: int) -> None:
    """Note in which steps a decoding request needs a block, and in which its keyed block becomes full."""
    size = world.settings.block_size_tokens
    base = state.requests.decode_base[request]
    state.batches.crossing[instance, (-base) % size] += 1
    position = state.instances.step_number[instance] + 1 + base
    if _first_unfilled_key(world, state, request, position):
        phase = (size - 1 - base) % size
        head = state.batches.fill_head[instance, phase]
        state.requests.fill_next[request] = head
        state.requests.fill_previous[request] = -2 - phase
        if head >= 0:
            state.requests.fill_previous[head] = request
        state.batches.fill_head[instance, phase] = request


@kernel
def unlink_fill(state: State, instance: int, request: int) -> None:
    """Stop watching for full blocks of a request; nothing happens if nobody watches."""
    requests = state.requests
    before, after = requests.fill_previous[request], requests.fill_next[request]
    if before == -1:
        return
    if before <= -2:
        state.batches.fill_head[instance, -2 - before] = after
    else:
        requests.fill_next[before] = after
    if after >= 0:
        requests.fill_previous[after] = before
    requests.fill_previous[request] = -1
    requests.fill_next[request] = -1


@kernel
def unlink_phases(world: World, state: State, instance: int, request: int) -> None:
    """Undo `link_phases`."""
    base = state.requests.decode_base[request]
    state.batches.crossing[instance, (-base) % world.settings.block_size_tokens] -= 1
    unlink_fill(state, instance, request)


@kernel
def is_decoding(state: State, instance: int, request: int) -> bool:
    """Whether a member of the batch has computed its text and has steps to come from the present one on."""
    requests = state.requests
    return (
        requests.stored_tokens[request] >= requests.text_tokens[request]
        and requests.finish_step[request] >= state.instances.step_number[instance]
    )


@kernel
def written_tokens(world: World, state: State, request: int) -> int:
    """Output tokens that are part of the request's text: what it had written when it was preempted."""
    return state.requests.text_tokens[request] - world.workload.table.input_tokens[request]


@kernel
def begin_decode(world: World, state: State, instance: int, request: int) -> None:
    """The present step finished the text: decoding starts in the next one, and its end is known."""
    requests, instances = state.requests, state.instances
    text = requests.text_tokens[request]
    left = world.workload.table.output_tokens[request] - written_tokens(world, state, request)
    number = instances.step_number[instance]
    requests.decode_base[request] = text - number - 1
    requests.finish_step[request] = number + left - 1
    requests.decoding_since[request] = number + 1
    if world.limits.draft_tokens[instance] > 0:
        state.drafts.reached_tokens[request] = text
        state.drafts.keyed_tokens[request] = text
    count = instances.decode_requests[instance]
    push_finish(
        state.batches.finish_step[instance], state.batches.finish_request[instance], count,
        requests.finish_step[request], request,
    )  # fmt: skip
    instances.decode_requests[instance] = count + 1
    instances.decode_context_tokens[instance] += text
    if world.settings.has_adapters:
        state.adapters.holders.decode_requests[instance] += adapter_tokens(world, request, 1)
    if requests.batch_rank[request] > instances.last_decode_rank[instance]:
        instances.last_decode_rank[instance] = requests.batch_rank[request]
    link_phases(world, state, instance, request)


@kernel
def remove_from_batch(state: State, instance: int, request: int) -> None:
    """Take a request out of the batch's order."""
    batch = state.batches.members[instance]
    last = state.instances.running_requests[instance] - 1
    place = 0
    while batch[place] != request:
        place += 1
    for later in range(place, last):
        batch[later] = batch[later + 1]
    state.instances.running_requests[instance] = last


@kernel
def announce(world: World, state: State, instance: int, request: int, step_end_us: int) -> None:
    """The request's last step, composed just now, ends then: whoever waits for its end can set out."""
    requests = state.requests
    outputs = world.workload.table.output_tokens[request]
    end_us = requests.first_token_us[request]
    if outputs > 1:
        end_us += step_end_us - requests.clock_mark_us[request]
        arrivals = outputs - 1
        if world.limits.draft_tokens[instance] > 0:  # the tokens of one step travel together
            arrivals -= state.drafts.accepted_tokens[request]
        end_us += arrivals * world.limits.output_token_us[instance]
    if outputs > 0:
        end_us += world.limits.completion_us[instance]
    requests.leaves_us[request] = end_us
    if world.settings.lookahead_us != NEVER_US:
        # Where time left out by the budget does not count, the end lies before what has happened since.
        release_followers(world, state, request, max(end_us, step_end_us))


@kernel
def complete(world: World, state: State, instance: int, request: int, stored_tokens: int) -> None:
    """The request has its last token: free everything, after storing that token if it is to be and there is room."""
    requests, instances = state.requests, state.instances
    outputs = world.workload.table.output_tokens[request]
    if world.settings.needs_expected_output:
        note_length(world, state, instance, request)
    if requests.status[request] == RUNNING:
        if world.settings.needs_service:
            charge_rest(world, state, instance, request)
        if outputs > 0 and not world.settings.final_token_unstored:
            stored_tokens += _store_final(world, state, instance, request, stored_tokens)
        if world.limits.draft_tokens[instance] > 0 and state.drafts.reached_tokens[request] > 0:
            reached, keyed = state.drafts.reached_tokens[request], state.drafts.keyed_tokens[request]
            release(world, state, instance, request, reached, keyed)
        else:
            release(world, state, instance, request, stored_tokens, stored_tokens)
        remove_from_batch(state, instance, request)
        if world.settings.gate_evicts:
            forget_running(world, state, request)
        if world.settings.has_adapters and leave_adapter(world, state, instance, request):
            bring_back(world, state, instance)
    else:  # preempted while its last token was under way
        forget_waiting(world, state, instance, request)
    requests.stored_tokens[request] = stored_tokens
    requests.finished_us[request] = requests.leaves_us[request]
    requests.status[request] = COMPLETED
    instances.in_flight_requests[instance] -= 1
    if world.settings.times_out:
        end_patience(state, request)
    if world.settings.has_gateway:
        note_served(world, state, instance, request)
    instances.completed_requests[instance] += 1
    instances.completed_tokens[instance] += outputs
    instances.idle_preemptions[instance] = 0


@kernel
def _store_final(world: World, state: State, instance: int, request: int, stored_tokens: int) -> int:
    """Store the last token of an output if there is room; return how many tokens that is."""
    instances, size = state.instances, world.settings.block_size_tokens
    if stored_tokens % size == 0 and instances.used_blocks[instance] >= world.limits.total_blocks[instance]:
        instances.allocation_failures[instance] += 1
        return 0
    store_tokens(world, state, instance, request, stored_tokens, stored_tokens + 1)
    return 1
