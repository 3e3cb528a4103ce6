"""What becomes of a victim's KV that is kept: copied to the host's memory, and back when its request is taken.

Whether it is kept says the policy `preemption_mode` (`blis.engine.swap_choice`). As vLLM's first engine did it
(`--swap-space`, `preemption_mode=swap`; vllm/core/scheduler.py and vllm/worker/cache_engine.py of 0.6): all blocks of a
victim go at once, whoever else has them too, and a request comes back with all of them or not at all. Its text then
lacks only what it had not computed. Of what it had, blocks that the GPU still has are not copied: there they keep their
keys until somebody needs them.

Copies travel on two channels, one for each direction (`blis.engine.channels`), one after the other. Either the step in
the making waits for them, since they stand before it in the GPU's stream; or they run beside steps: who comes back
waits by itself, as who loads from a tier does, and who goes has been copied by the time that its blocks are needed.

Without room a victim computes anew, as if the policy had said so.

Differs from that engine in who is next: there the swapped wait in a line of their own before all others, first out
first in; here they stand in the wait queue as every preempted request does, its head under FCFS. There a victim without
room ended the server.
"""

from blis.engine._jit import kernel, seldom_kernel
from blis.engine.channels import READ, WRITE, be_idle, channel_of, transfer
from blis.engine.codes import LOADED_US, NOW_US
from blis.engine.state import State
from blis.engine.step_end import start_us
from blis.engine.swap_choice import is_swapped
from blis.engine.views import World


@seldom_kernel
def swap_out(world: World, state: State, instance: int, request: int, tokens: int) -> None:
    """Keep a victim's first `tokens`, which the GPU holds no more, if the policy says so and there is room."""
    copies, spaces = state.swap.requests, state.swap.spaces
    # Steps under way still store some of it.
    asked_us = start_us(world, state, instance, state.scratch.step[NOW_US])
    if not is_swapped(world, state, instance, request, tokens, asked_us):
        spaces.recomputed_requests[instance] += 1
        return
    blocks = -(-tokens // world.settings.block_size_tokens)
    if spaces.blocks[instance] + blocks > spaces.capacity_blocks[instance]:
        spaces.refused_requests[instance] += 1
        return
    end_us = transfer(state.swap.channels, channel_of(instance, WRITE), blocks, asked_us)
    copies.tokens[request] = tokens
    copies.blocks[request] = blocks
    copies.ready_us[request] = end_us
    spaces.blocks[instance] += blocks
    spaces.peak_blocks[instance] = max(spaces.peak_blocks[instance], spaces.blocks[instance])
    spaces.out_blocks[instance] += blocks
    spaces.out_requests[instance] += 1
    _hold_step(world, state, end_us)


@kernel
def returning_blocks(state: State, request: int, found: int) -> int:
    """Blocks that a request copies back if the GPU still has the `found` first ones."""
    return max(0, state.swap.requests.blocks[request] - found)


@seldom_kernel
def swap_in(world: World, state: State, instance: int, request: int, found: int) -> int:
    """Copy back what the GPU has no more behind the `found` first blocks; return when it is there."""
    copies, spaces = state.swap.requests, state.swap.spaces
    blocks = returning_blocks(state, request, found)
    asked_us = state.scratch.step[NOW_US]
    if not world.settings.swaps_beside:
        asked_us = start_us(world, state, instance, asked_us)
    end_us = asked_us
    if blocks > 0:
        begin_us = max(asked_us, copies.ready_us[request])
        end_us = transfer(state.swap.channels, channel_of(instance, READ), blocks, begin_us)
        spaces.return_us[instance] += end_us - asked_us
        _hold_step(world, state, end_us)
    spaces.in_blocks[instance] += blocks
    spaces.found_blocks[instance] += copies.blocks[request] - blocks
    spaces.in_requests[instance] += 1
    copies.tokens[request] = 0
    copies.ready_us[request] = 0
    return end_us


@seldom_kernel
def keep_copy(state: State, instance: int, request: int, tokens: int) -> None:
    """A request that lets go of what had come back, before it could run, has its copy still, if it came from here."""
    if state.swap.requests.blocks[request] > 0:
        state.swap.requests.tokens[request] = tokens
        state.swap.spaces.given_up_blocks[instance] += state.swap.requests.blocks[request]


@kernel
def leave_host(state: State, instance: int, request: int) -> None:
    """The blocks of a copy whose request runs again are free for others."""
    state.swap.spaces.blocks[instance] -= state.swap.requests.blocks[request]
    state.swap.requests.blocks[request] = 0


@seldom_kernel
def lose_copy(state: State, instance: int, request: int) -> None:
    """A request that leaves its instance before it has ended has a copy there no more."""
    copies, spaces = state.swap.requests, state.swap.spaces
    if copies.tokens[request] > 0:
        spaces.lost_blocks[instance] += copies.blocks[request]
    leave_host(state, instance, request)
    copies.tokens[request] = 0
    copies.ready_us[request] = 0


@seldom_kernel
def forget_copies(state: State, instance: int) -> None:
    """Nothing travels to an instance that begins anew, or from it."""
    be_idle(state.swap.channels, channel_of(instance, READ))
    be_idle(state.swap.channels, channel_of(instance, WRITE))


@kernel
def await_copies(world: World, state: State, instance: int) -> None:
    """Let the step that begins wait for copies of one that came to nothing, if copies and steps take turns."""
    if world.settings.swaps_beside:
        return
    for direction in range(2):
        _hold_step(world, state, state.swap.channels.free_us[channel_of(instance, direction)])


@kernel
def _hold_step(world: World, state: State, end_us: int) -> None:
    if not world.settings.swaps_beside:
        state.scratch.step[LOADED_US] = max(state.scratch.step[LOADED_US], end_us)
