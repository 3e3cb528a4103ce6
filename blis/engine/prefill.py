"""Tokens of prompts, and of texts that are computed anew, in a step: how many there may be, and computing them."""

from blis.engine._jit import kernel
from blis.engine.adapters import adapter_tokens
from blis.engine.codes import (
    ADAPTER_TOKENS,
    BUDGET,
    DECODE_CONTEXT,
    DECODE_REQUESTS,
    N_MEMBERS,
    PREFILL_HISTORY,
    PREFILL_PROMPT_X2,
    PREFILL_REQUESTS,
    PREFILL_TOKENS,
    PREFILL_X2,
    REPLAYED,
)
from blis.engine.encoding import encode_chunk
from blis.engine.holding import store_tokens
from blis.engine.state import State
from blis.engine.views import World


@kernel
def next_chunk(world: World, state: State, instance: int, remaining_tokens: int, budget: int) -> int:
    """Tokens of its text that a request may compute in this step."""
    threshold = world.limits.long_prefill_threshold_tokens[instance]
    if threshold > 0 and threshold < remaining_tokens and _keeps_to_threshold(world, state, instance):
        remaining_tokens = threshold
    return min(remaining_tokens, budget)


@kernel
def _keeps_to_threshold(world: World, state: State, instance: int) -> bool:
    """Whether long prompts are cut up: not where nobody else could use the rest of the budget."""
    requests = state.instances.running_requests[instance] + state.instances.queued_requests[instance]
    return not world.settings.threshold_needs_company or requests > 1


@kernel
def is_replayed(world: World, state: State, request: int, start: int, chunk: int) -> bool:
    """Whether a chunk is no more than the last token that the request had written: that is a decode like any other."""
    return (
        chunk == 1
        and start + 1 == state.requests.text_tokens[request]
        and start >= world.workload.table.input_tokens[request]
    )


@kernel
def compute_chunk(world: World, state: State, instance: int, request: int, chunk: int, history: int) -> None:
    """Let a request compute `chunk` tokens of its text in this step; its attention is charged with `history`."""
    step, requests = state.scratch.step, state.requests
    start = requests.stored_tokens[request]
    text = requests.text_tokens[request]
    store_tokens(world, state, instance, request, start, start + chunk)
    requests.stored_tokens[request] = start + chunk
    requests.computed_tokens[request] += chunk
    requests.earlier_chunk_step[request] = requests.chunk_step[request]
    requests.chunk_step[request] = state.instances.step_number[instance]
    requests.chunk_tokens[request] = chunk
    step[BUDGET] -= chunk
    if world.settings.has_adapters:
        step[ADAPTER_TOKENS] += adapter_tokens(world, request, chunk)
    if world.settings.has_encoder:
        encode_chunk(world, state, request, start, chunk)
    if is_replayed(world, state, request, start, chunk):
        step[DECODE_REQUESTS] += 1
        step[DECODE_CONTEXT] += start
        step[REPLAYED] += 1
    elif chunk > 0:
        step[PREFILL_REQUESTS] += 1
        step[PREFILL_TOKENS] += chunk
        step[PREFILL_HISTORY] += history
        step[PREFILL_X2] += 2 * chunk * history + chunk * (chunk - 1)
        step[PREFILL_PROMPT_X2] += 2 * chunk * text + chunk * chunk
    if start + chunk == text:
        state.scratch.members[step[N_MEMBERS]] = request
        step[N_MEMBERS] += 1


@kernel
def replay_last(state: State, instance: int, request: int) -> None:
    """Let a request whose text is stored compute its last token again in this step: a decode like any other."""
    step, requests = state.scratch.step, state.requests
    requests.computed_tokens[request] += 1
    requests.earlier_chunk_step[request] = requests.chunk_step[request]
    requests.chunk_step[request] = state.instances.step_number[instance]
    requests.chunk_tokens[request] = 1
    step[BUDGET] -= 1
    step[DECODE_REQUESTS] += 1
    step[DECODE_CONTEXT] += requests.text_tokens[request] - 1
    step[REPLAYED] += 1
    state.scratch.members[step[N_MEMBERS]] = request
    step[N_MEMBERS] += 1
