"""What is known of a request when a policy is asked about it, where that costs something and a policy reads it."""

from blis.engine._jit import kernel
from blis.engine.codes import RUNNING
from blis.engine.holding import cached_prefix
from blis.engine.output_estimates import expected_output
from blis.engine.state import State
from blis.engine.views import World


@kernel
def look_at_arrival(world: World, state: State, request: int) -> None:
    """Bring up to date what the router knows of a request; without looking at instances it knows nothing."""
    if world.settings.needs_expected_output and world.settings.looks:
        state.learned.requests.expected_output_tokens[request] = expected_output(
            world, state, 0, world.settings.n_instances, request
        )


@kernel
def look_at_queued(world: World, state: State, instance: int, request: int) -> None:
    """Bring up to date what an instance knows of a request of its own."""
    if world.settings.needs_expected_output:
        state.learned.requests.expected_output_tokens[request] = expected_output(
            world, state, instance, instance + 1, request
        )
    if world.settings.needs_uncached_tokens:
        state.learned.requests.uncached_tokens[request] = _uncached_tokens(world, state, instance, request)


@kernel
def _uncached_tokens(world: World, state: State, instance: int, request: int) -> int:
    """Tokens that a request has to compute before its next token, as a step begins: one at least."""
    requests = state.requests
    text, number = requests.text_tokens[request], state.instances.step_number[instance]
    if requests.status[request] == RUNNING:
        stored = requests.stored_tokens[request]
        if requests.chunk_step[request] == number:
            stored -= requests.chunk_tokens[request]
        return max(1, text - stored)
    if requests.stored_tokens[request] > 0:  # it has KV that came from elsewhere
        return max(1, text - requests.stored_tokens[request])
    found, _, _ = cached_prefix(world, state, instance, request)
    start = found * world.settings.block_size_tokens
    if world.settings.swaps:
        start = max(start, state.swap.requests.tokens[request])
    return max(1, text - start)
