"""Serving all running requests together, where that gives what serving them one by one would.

Then a step costs no more than its prompts: how many decodes need a block is a count, and whose blocks are full a list.
"""

from blis.engine._jit import kernel
from blis.engine.block_runs import covering
from blis.engine.codes import ADAPTER_TOKENS, BUDGET, DECODE_CONTEXT, DECODE_REQUESTS, UNDER_WAY
from blis.engine.free_blocks import free_blocks, take_blocks
from blis.engine.members import decode_position, fill_known
from blis.engine.prefill import compute_chunk, next_chunk
from blis.engine.sequence import segment_at
from blis.engine.state import State
from blis.engine.step_end import sort_members
from blis.engine.views import World


@kernel
def can_serve_at_once(world: World, state: State, instance: int) -> bool:
    """Whether serving all running requests together gives what serving them one by one would."""
    instances = state.instances
    decoding = instances.decode_requests[instance]
    if decoding > world.limits.decodes_at_once[instance] or instances.left_out_requests[instance] > 0:
        return False
    budget = world.limits.step_token_budget[instance]
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
        chunk = next_chunk(world, state, instance, state.requests.text_tokens[request] - stored, budget)
        needed += -(-(stored + chunk) // size) - -(-stored // size)
        budget -= chunk
    if needed > free_blocks(world, state, instance):
        return False
    if world.settings.n_tiers > 0 and not world.settings.tiers_written_through and _any_fills(world, state, instance):
        return False  # whether a block has its key when another is evicted decides what goes to the tiers
    if instances.fills_are_due[instance]:
        if not _can_fill_at_once(world, state, instance, _phase_before(world, phase)):
            return False
    return state.scratch.step[UNDER_WAY] != 0 or _can_fill_at_once(world, state, instance, phase)


@kernel
def serve_at_once(world: World, state: State, instance: int) -> None:
    """Give every decode its block and its key, and the prompts what the budget leaves."""
    step, instances = state.scratch.step, state.instances
    phase = instances.step_number[instance] % world.settings.block_size_tokens
    take_blocks(world, state, instance, state.batches.crossing[instance, phase])
    if world.settings.n_tiers > 0:
        _fill_in_order(world, state, instance)
    else:
        if instances.fills_are_due[instance]:
            _fill_phase(world, state, instance, _phase_before(world, phase), 0)
        if not step[UNDER_WAY]:
            _fill_phase(world, state, instance, phase, 1)
    step[DECODE_REQUESTS] = instances.decode_requests[instance]
    step[DECODE_CONTEXT] = instances.decode_context_tokens[instance]
    step[BUDGET] -= instances.decode_requests[instance]
    if world.settings.has_adapters:
        step[ADAPTER_TOKENS] += state.adapters.holders.decode_requests[instance]
    members = state.batches.prefilling[instance]
    for place in range(instances.prefilling_requests[instance]):
        if step[BUDGET] <= 0:
            break
        request = members[place]
        stored = state.requests.stored_tokens[request]
        chunk = next_chunk(world, state, instance, state.requests.text_tokens[request] - stored, step[BUDGET])
        compute_chunk(world, state, instance, request, chunk, stored)


@kernel
def _fills_are_independent(world: World, state: State, instance: int, phase: int) -> bool:
    """Whether the keyed blocks that fill in this phase can get their keys in any order with blocks being taken.

    The order matters where two requests write the same, and, unless all copies can be found, where a key already has a
    block or a block lost its place in the index to a copy.
    """
    request = state.batches.fill_head[instance, phase]
    if world.settings.outputs_share_keys and state.requests.fill_next[request] >= 0:
        return False
    if world.settings.copies_findable:
        return True
    if state.instances.stale_blocks[instance] > 0:
        return False
    while request >= 0:
        block = decode_position(state, instance, request) // world.settings.block_size_tokens
        segment, _ = segment_at(world, state, request, block)
        run, _ = covering(state.cache, segment * world.settings.n_instances + instance, block)
        if run >= 0:
            return False
        request = state.requests.fill_next[request]
    return True


@kernel
def _fill_phase(world: World, state: State, instance: int, phase: int, stored_now: int) -> None:
    """Give their keys to all decode blocks that are full in this phase, before or with the token stored now."""
    request = state.batches.fill_head[instance, phase]
    while request >= 0:
        following = state.requests.fill_next[request]
        known = decode_position(state, instance, request) + stored_now
        fill_known(world, state, instance, request, known)
        request = following


@kernel
def _any_fills(world: World, state: State, instance: int) -> bool:
    """Whether a keyed block of a decode fills in this step, or has filled in the one before."""
    phase = state.instances.step_number[instance] % world.settings.block_size_tokens
    heads = state.batches.fill_head[instance]
    if state.instances.fills_are_due[instance] and heads[_phase_before(world, phase)] >= 0:
        return True
    return state.scratch.step[UNDER_WAY] == 0 and heads[phase] >= 0


@kernel
def _fill_in_order(world: World, state: State, instance: int) -> None:
    """Give their keys to all decode blocks that are full, in batch order: tiers remember who came last."""
    phase, members = state.instances.step_number[instance] % world.settings.block_size_tokens, state.scratch.members
    before, count = _phase_before(world, phase), 0
    is_due, is_now = state.instances.fills_are_due[instance] != 0, state.scratch.step[UNDER_WAY] == 0
    if is_due:
        count = _list_phase(state, instance, before, count)
    if is_now and (phase != before or not is_due):
        count = _list_phase(state, instance, phase, count)
    sort_members(state, count)
    for place in range(count):
        request = members[place]
        position = decode_position(state, instance, request)
        if is_due:
            fill_known(world, state, instance, request, position)
        if is_now:
            fill_known(world, state, instance, request, position + 1)


@kernel
def _list_phase(state: State, instance: int, phase: int, count: int) -> int:
    """Add the decodes whose keyed blocks fill in this phase to `scratch.members`; return the new number there."""
    request = state.batches.fill_head[instance, phase]
    while request >= 0:
        state.scratch.members[count] = request
        count += 1
        request = state.requests.fill_next[request]
    return count


@kernel
def _can_fill_at_once(world: World, state: State, instance: int, phase: int) -> bool:
    return state.batches.fill_head[instance, phase] < 0 or _fills_are_independent(world, state, instance, phase)


@kernel
def _phase_before(world: World, phase: int) -> int:
    return phase - 1 if phase > 0 else world.settings.block_size_tokens - 1
