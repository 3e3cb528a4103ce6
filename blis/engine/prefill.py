"""Prompt tokens in a step: how many a request may compute, and computing them."""

from blis.engine._jit import kernel
from blis.engine.codes import (
    BUDGET,
    N_MEMBERS,
    PREFILL_HISTORY,
    PREFILL_PROMPT_X2,
    PREFILL_REQUESTS,
    PREFILL_TOKENS,
    PREFILL_X2,
)
from blis.engine.members import store_tokens
from blis.engine.state import State
from blis.engine.views import World


@kernel
def free_blocks(world: World, state: State, instance: int) -> int:
    """KV blocks that nobody holds."""
    return world.limits.total_blocks[instance] - state.instances.used_blocks[instance]


@kernel
def next_chunk(world: World, instance: int, remaining_tokens: int, budget: int) -> int:
    """Prompt tokens that a request may compute in this step."""
    threshold = world.limits.long_prefill_threshold_tokens[instance]
    if threshold > 0 and threshold < remaining_tokens:
        remaining_tokens = threshold
    return min(remaining_tokens, budget)


@kernel
def compute_chunk(world: World, state: State, instance: int, request: int, chunk: int, history: int) -> None:
    """Let a request compute `chunk` prompt tokens in this step; `history` is what its attention is charged with."""
    step, requests = state.scratch.step, state.requests
    start = requests.stored_tokens[request]
    prompt = world.workload.table.input_tokens[request]
    store_tokens(world, state, instance, request, start, start + chunk)
    requests.stored_tokens[request] = start + chunk
    requests.computed_tokens[request] += chunk
    step[BUDGET] -= chunk
    if chunk > 0:
        step[PREFILL_REQUESTS] += 1
        step[PREFILL_TOKENS] += chunk
        step[PREFILL_HISTORY] += history
        step[PREFILL_X2] += 2 * chunk * history + chunk * (chunk - 1)
        step[PREFILL_PROMPT_X2] += 2 * chunk * prompt + chunk * chunk
    if start + chunk == prompt:
        state.scratch.members[step[N_MEMBERS]] = request
        step[N_MEMBERS] += 1
