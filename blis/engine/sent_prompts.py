"""The router's own record of prompts that it sent and that have no first token yet: tokens to compute, and by class.

A prompt counts from its routing on, with the tokens that were not among what the router had sent there before; it
leaves when the router hears of its first token, or that it was dropped. That is when the engine tells everybody: as the
step is composed, or, where two steps are under way, at the step's end. Nothing here is ever old.

Of an instance's three rows the first is what is waited on now. The others are those of it that have their first token
in the step under way that ends next, and in the one after.
"""

from blis.engine._jit import kernel
from blis.engine.state import State
from blis.engine.views import World

NOW, NEXT_STEP, STEP_AFTER = range(3)  # rows
TOKENS, FIRST_CLASS = range(2)  # columns; one for each class follows


@kernel
def note_sent(world: World, state: State, instance: int, request: int) -> None:
    """The router sends the request there; its `affinity_blocks` are those of the request."""
    cached = state.scratch.affinity_blocks[instance] * world.settings.block_size_tokens
    tokens = max(0, world.workload.table.input_tokens[request] - cached)
    state.requests.sent_tokens[request] = tokens
    state.prompts[instance, NOW, TOKENS] += tokens
    state.prompts[instance, NOW, FIRST_CLASS + world.workload.table.slo_class[request]] += 1


@kernel
def note_first_token(world: World, state: State, instance: int, request: int) -> None:
    """The step that has just been composed gives the request its first token; a preempted one may get it again."""
    tokens, column = state.requests.sent_tokens[request], FIRST_CLASS + world.workload.table.slo_class[request]
    if tokens < 0:
        return
    state.requests.sent_tokens[request] = -1
    if world.limits.async_scheduling[instance]:
        row = STEP_AFTER if state.instances.steps_under_way[instance] > 0 else NEXT_STEP
        state.prompts[instance, row, TOKENS] += tokens
        state.prompts[instance, row, column] += 1
    else:
        state.prompts[instance, NOW, TOKENS] -= tokens
        state.prompts[instance, NOW, column] -= 1


@kernel
def note_dropped(world: World, state: State, instance: int, request: int) -> None:
    """The instance has refused the request."""
    state.prompts[instance, NOW, TOKENS] -= state.requests.sent_tokens[request]
    state.prompts[instance, NOW, FIRST_CLASS + world.workload.table.slo_class[request]] -= 1
    state.requests.sent_tokens[request] = -1


@kernel
def hear_of_step(state: State, instance: int) -> None:
    """The earlier of two steps under way, or the only one, has ended."""
    prompts = state.prompts[instance]
    for column in range(prompts.shape[1]):
        prompts[NOW, column] -= prompts[NEXT_STEP, column]
        prompts[NEXT_STEP, column] = prompts[STEP_AFTER, column]
        prompts[STEP_AFTER, column] = 0
