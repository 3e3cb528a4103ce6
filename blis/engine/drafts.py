"""Speculative decoding: a decode computes its next token and the drafts behind it, and keeps those that are accepted.

Drafts take tokens of the budget and blocks like other tokens, fewer of them where either is short. What is rejected
leaves its blocks with the request: the next tokens are stored there. A block gets its key when the request is next
served, as far as its tokens are known then. How many drafts are accepted is drawn from the seed, the request and the
place in its output, so nothing that happens around it changes it.
"""

from blis.engine._jit import kernel
from blis.engine.adapters import adapter_tokens
from blis.engine.choice import draw_of, mixed
from blis.engine.codes import ADAPTER_TOKENS, BUDGET, CHUNK, DECODE_CONTEXT, DECODE_REQUESTS, DRAFT_TOKENS, LEFT_FROM
from blis.engine.free_blocks import take_blocks
from blis.engine.heap import push_finish
from blis.engine.holding import fill_blocks
from blis.engine.members import decode_position, link_phases, unlink_phases
from blis.engine.prefill import next_chunk
from blis.engine.sequence import keyed_blocks
from blis.engine.state import State
from blis.engine.views import World

_ALL_DRAWS = 2.0**32


@kernel
def drafted_chunk(world: World, state: State, instance: int, request: int) -> int:
    """Tokens that a decode computes in this step: its next one, and drafts as far as the limits allow.

    Drafts never reach beyond the longest sequence, nor beyond what the whole cache can store.
    """
    limits = world.limits
    longest = limits.total_blocks[instance] * world.settings.block_size_tokens
    if limits.max_model_len_tokens[instance] > 0:
        longest = min(longest, limits.max_model_len_tokens[instance] - 1)
    wanted = min(1 + limits.draft_tokens[instance], longest - decode_position(state, instance, request))
    return next_chunk(world, state, instance, wanted, state.scratch.step[BUDGET])


@kernel
def drafted_blocks(world: World, state: State, instance: int, request: int) -> int:
    """Blocks that a decode with its drafts needs beside those that the request has."""
    size = world.settings.block_size_tokens
    end = decode_position(state, instance, request) + state.scratch.step[CHUNK]
    return max(0, -(-end // size) - -(-state.drafts.reached_tokens[request] // size))


@kernel
def decode_drafted(world: World, state: State, instance: int, request: int) -> None:
    """Let a request compute its next token and `step[CHUNK]` - 1 drafts; there are blocks enough."""
    step, drafts = state.scratch.step, state.drafts
    position, chunk = decode_position(state, instance, request), step[CHUNK]
    needed = drafted_blocks(world, state, instance, request)
    take_blocks(world, state, instance, needed)
    drafts.reached_tokens[request] = max(drafts.reached_tokens[request], position + chunk)
    _give_keys(world, state, instance, request, position + 1)
    state.requests.chunk_tokens[request] = chunk
    step[DECODE_REQUESTS] += 1
    step[DECODE_CONTEXT] += position
    step[DRAFT_TOKENS] += chunk - 1
    step[BUDGET] -= chunk
    if world.settings.has_adapters:
        step[ADAPTER_TOKENS] += adapter_tokens(world, request, chunk)


@kernel
def _give_keys(world: World, state: State, instance: int, request: int, known_tokens: int) -> None:
    """Give their keys to the blocks that the known tokens fill."""
    size = world.settings.block_size_tokens
    first, end = state.drafts.keyed_tokens[request] // size, known_tokens // size
    if end > first:
        fill_blocks(world, state, instance, request, min(end, keyed_blocks(world, state, request)))
    state.drafts.keyed_tokens[request] = known_tokens


@kernel
def accept_drafts(world: World, state: State, instance: int) -> None:
    """Let those that the present step has served get their accepted drafts, beside the token that each decode gives."""
    instances, requests = state.instances, state.requests
    number = instances.step_number[instance]
    key, rate = world.settings.acceptance_key, world.limits.acceptance_rate[instance]
    for place in range(state.scratch.step[LEFT_FROM]):
        request = state.batches.members[instance, place]
        drafts = requests.chunk_tokens[request] - 1
        if requests.chunk_step[request] == number or drafts <= 0:
            continue
        written = decode_position(state, instance, request) + 1 - world.workload.table.input_tokens[request]
        accepted = accepted_drafts(key, world.workload.table.number[request], written, rate, drafts)
        instances.drafted_decodes[instance] += 1
        instances.draft_tokens[instance] += drafts
        instances.accepted_tokens[instance] += accepted
        gained = min(accepted, requests.finish_step[request] - number)
        if gained > 0:
            unlink_phases(world, state, instance, request)
            requests.decode_base[request] += gained
            requests.finish_step[request] -= gained
            state.drafts.accepted_tokens[request] += gained
            instances.decode_context_tokens[instance] += gained
            link_phases(world, state, instance, request)
    steps, members = state.batches.finish_step[instance], state.batches.finish_request[instance]
    for place in range(instances.decode_requests[instance]):
        push_finish(steps, members, place, requests.finish_step[members[place]], members[place])


@kernel
def accepted_drafts(acceptance_key: int, number: int, written_tokens: int, rate: float, drafts: int) -> int:
    """How many leading drafts of a decode are accepted: at least k of them with the k-th power of the rate.

    Parameters
    ----------
    acceptance_key : int    of 32 bits, from the seed
    number : int            of the request
    written_tokens : int    output tokens that it has before the decode
    rate : float            probability of a draft to be accepted, given that those before it were
    drafts : int            how many there are
    """
    draw = mixed(draw_of(acceptance_key, number) ^ mixed(written_tokens))
    accepted, bound = 0, _ALL_DRAWS * rate
    while accepted < drafts and draw < bound:
        accepted += 1
        bound *= rate
    return accepted
