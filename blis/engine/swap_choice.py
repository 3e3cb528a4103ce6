"""Whether a victim's KV is kept in the host's memory: what the policy `preemption_mode` may see, and its answer."""

from blis.engine._jit import kernel, seldom_kernel
from blis.engine.channels import READ, WRITE, channel_of, transfer_end_us, transfer_us
from blis.engine.expectation import prefill_step_us
from blis.engine.reference import by_reference
from blis.engine.state import State
from blis.engine.swap_view import SwapView, swap_at
from blis.engine.views import PREEMPTION_MODE, SWAPS, World


@seldom_kernel
def is_swapped(world: World, state: State, instance: int, request: int, tokens: int, now_us: int) -> bool:
    """Whether the first `tokens` of a victim's text are to be kept, if a copy is asked for at `now_us`."""
    view = by_reference(_swap_view(world, state, instance, request, tokens, now_us))
    return swap_at(world.answers[SWAPS])(view, world.parameters[PREEMPTION_MODE], world.memory[PREEMPTION_MODE]) != 0


@kernel
def _swap_view(world: World, state: State, instance: int, request: int, tokens: int, now_us: int) -> SwapView:
    instances, spaces, channels = state.instances, state.swap.spaces, state.swap.channels
    table, size = world.workload.table, world.settings.block_size_tokens
    blocks = -(-tokens // size)
    return SwapView(
        now_us,
        instance,
        request,
        table.slo_class[request],
        table.tenant[request],
        table.turn[request],
        table.input_tokens[request],
        state.requests.preemptions[request],
        tokens,
        blocks,
        size,
        spaces.capacity_blocks[instance],
        spaces.capacity_blocks[instance] - spaces.blocks[instance],
        transfer_end_us(channels, channel_of(instance, WRITE), blocks, now_us) - now_us,
        int(transfer_us(channels, channel_of(instance, READ), blocks, 0) + 0.5),
        _compute_us(world, state, instance, request, tokens),
        world.settings.swaps_beside,
        instances.queued_requests[instance],
        instances.running_requests[instance],
        world.limits.total_blocks[instance],
        instances.used_blocks[instance],
    )


@kernel
def _compute_us(world: World, state: State, instance: int, request: int, tokens: int) -> int:
    """What computing the first `tokens` would add to a step that computes the rest of the text anyway."""
    text = state.requests.text_tokens[request]
    whole_us = prefill_step_us(world, instance, text, 0, 0, 0)
    return int(whole_us - prefill_step_us(world, instance, text - tokens, tokens, 0, 0))
