"""What is written to the tiers beneath the GPUs, and where: when a block has got its key, or when it leaves the GPU.

Written through, a block goes to every tier that lacks it as soon as the GPU has it; written back, it goes to the first
tier when the GPU evicts it, and what that evicts to the next. Where places are exclusive, blocks of an instance's own
tiers leave them when they come to lie on its GPU. A write takes its turn on its device's channel; until it has ended,
the block is neither read nor evicted, and a write for which only such blocks would have to go is dropped.
"""

from blis.engine._jit import kernel, seldom_kernel
from blis.engine.block_index import find
from blis.engine.block_runs import covering
from blis.engine.channels import READ, WRITE, be_idle, channel_of, transfer
from blis.engine.codes import INSTANCE, NOW_US
from blis.engine.state import N_FRAME_PLACES, State
from blis.engine.tier_store import (
    ONCE,
    UNSHARED,
    evict,
    forget_device,
    held_end,
    identity_of,
    put,
    put_unshared,
    queue_for,
    take_out,
    touch,
)
from blis.engine.views import World
from blis.foundation.units import Int64Vector

_TIER, _SEGMENT, _FIRST, _END, _HAD, _QUEUE = range(N_FRAME_PLACES)
_NOWHERE = 2**62


@kernel
def device_of(world: World, state: State, tier: int, instance: int) -> int:
    """The device on which an instance's blocks of a tier lie."""
    return state.tiers.devices.owner[tier * world.settings.n_instances + instance]


@kernel
def is_shared(world: World, state: State, tier: int) -> bool:
    """Whether all instances share a tier."""
    return world.settings.shares_tier != 0 and tier == world.settings.n_tiers - 1


@kernel
def write_us(state: State, instance: int) -> int:
    """When an instance writes what it writes now: at its latest event."""
    now_us = state.instances.clock_us[instance]
    if state.scratch.step[INSTANCE] == instance:
        now_us = max(now_us, state.scratch.step[NOW_US])
    return now_us


@seldom_kernel
def note_registered(
    world: World, state: State, instance: int, request: int, segment: int, first: int, end: int
) -> None:
    """Blocks have come to lie on the GPU, full and known: write them through, or take them out of where they were."""
    if world.settings.tiers_exclusive:
        _take_up(world, state, instance, segment, first, end)
    elif world.settings.tiers_written_through:
        if world.settings.tiers_prompts_only:
            end = min(end, world.workload.table.prompt_blocks[request])
        if first < end:
            for tier in range(world.settings.n_tiers):
                _write(world, state, instance, tier, segment, first, end)


@seldom_kernel
def note_unshared(world: World, state: State, instance: int, request: int, first: int, end: int) -> None:
    """A request leaves full blocks that nobody else can find: written through, they have gone to the tiers as well."""
    if not world.settings.tiers_written_through:
        return
    if world.settings.tiers_prompts_only:
        end = min(end, world.workload.table.prompt_blocks[request])
    if first < end:
        for tier in range(world.settings.n_tiers):
            _write(world, state, instance, tier, UNSHARED, first, end)


@kernel
def _take_up(world: World, state: State, instance: int, segment: int, first: int, end: int) -> None:
    """Blocks that lie on the GPU lie in none of the instance's own tiers."""
    for tier in range(world.settings.n_tiers):
        if not is_shared(world, state, tier):
            device = device_of(world, state, tier, instance)
            taken, _ = take_out(state, identity_of(state, device, segment, 0), first, end)
            state.tiers.devices.removed_blocks[device] += taken


@seldom_kernel
def note_evicted(world: World, state: State, instance: int, segment: int, first: int, end: int) -> None:
    """Blocks have left the GPU: write back those of which it has no other copy, the last ones first."""
    if world.settings.tiers_written_through:
        return
    if segment == UNSHARED:
        _write(world, state, instance, 0, UNSHARED, first, end)
        return
    identity = segment * world.settings.n_instances + instance
    while first < end:
        low, high = _last_without_copy(state, identity, first, end)
        if low < high:
            _write(world, state, instance, 0, segment, low, high)
        end = low


@kernel
def _last_without_copy(state: State, identity: int, first: int, end: int) -> tuple[int, int]:
    """The last blocks, one behind the other, that the GPU does not hold; nothing, at `first`, if it holds all."""
    low, high, place = first, first, first
    while place < end:
        run, part_end = covering(state.cache, identity, place)
        if run >= 0:
            place = min(part_end, end)
            continue
        low = place
        place = min(_next_held(state, identity, place), end)
        high = place
    return low, high


@kernel
def _next_held(state: State, identity: int, place: int) -> int:
    """The first place behind this one from which on the GPU holds some of the segment's blocks."""
    runs, nearest, run = state.cache.runs, _NOWHERE, find(state.cache, identity)
    while run >= 0:
        if runs.first[run] > place:
            nearest = min(nearest, runs.first[run])
        run = runs.next_copy[run]
    return nearest


@kernel
def _write(world: World, state: State, instance: int, tier: int, segment: int, first: int, end: int) -> None:
    """Write blocks to a tier, and what they push out of it to the next one, if evicted blocks are written back."""
    frames, now_us = state.tiers.frames, write_us(state, instance)
    depth = _enter_frame(world, state, instance, 0, tier, segment, first, end)
    while depth > 0:
        frame = frames[depth - 1]
        device = device_of(world, state, frame[_TIER], instance)
        room = state.tiers.devices.capacity_blocks[device] - state.tiers.devices.blocks[device]
        if frame[_END] - frame[_FIRST] > room:
            victim, low, high = evict(state, device, frame[_END] - frame[_FIRST] - room, now_us)
            if low < high:
                below = frame[_TIER] + 1
                if below < world.settings.n_tiers and not world.settings.tiers_written_through:
                    depth = _enter_frame(world, state, instance, depth, below, victim, low, high)
                continue
            state.tiers.devices.dropped_blocks[device] += frame[_END] - frame[_FIRST] - room
            frame[_END] = frame[_FIRST] + room
        _put_new(state, device, frame, now_us)
        depth -= 1


@kernel
def _enter_frame(
    world: World, state: State, instance: int, depth: int, tier: int, segment: int, first: int, end: int
) -> int:
    """Begin to write blocks to a tier, and return how many such writes are under way: no more if it has them all."""
    device, frame = device_of(world, state, tier, instance), state.tiers.frames[depth]
    if segment != UNSHARED and held_end(state, device, segment, first, end) == end:
        touch(state, device, segment, first, end)
        return depth
    capacity = state.tiers.devices.capacity_blocks[device]
    if end - first > capacity:
        state.tiers.devices.dropped_blocks[device] += end - first - capacity
        end = first + capacity
    frame[_TIER], frame[_SEGMENT], frame[_FIRST], frame[_END] = tier, segment, first, end
    frame[_HAD], frame[_QUEUE] = 0, ONCE
    if segment != UNSHARED:
        frame[_HAD], was_in = take_out(state, identity_of(state, device, segment, 0), first, end)
        frame[_QUEUE] = queue_for(state, device, segment, first, end, was_in)
    return depth + 1


@kernel
def _put_new(state: State, device: int, frame: Int64Vector, now_us: int) -> None:
    """Put the blocks of a write on the device for which room has been made, and transfer those that it did not have."""
    devices, channel = state.tiers.devices, channel_of(device, WRITE)
    blocks, had = frame[_END] - frame[_FIRST], frame[_HAD]
    devices.written_blocks[device] += max(0, blocks - had)
    devices.evicted_blocks[device] += max(0, had - blocks)
    if blocks == 0:
        return
    ready_us = state.tiers.channels.free_us[channel]
    if blocks > had:
        ready_us = transfer(state.tiers.channels, channel, blocks - had, now_us)
    if frame[_SEGMENT] == UNSHARED:
        put_unshared(state, device, ONCE, blocks)
        return
    identity = identity_of(state, device, frame[_SEGMENT], 0)
    put(state, identity, frame[_QUEUE], frame[_FIRST], frame[_END], ready_us)


@seldom_kernel
def forget_tiers(world: World, state: State, instance: int) -> None:
    """An instance that goes, or dies, takes its own tiers with it; what it shared with others stays."""
    for tier in range(world.settings.n_tiers):
        if not is_shared(world, state, tier):
            device = device_of(world, state, tier, instance)
            forget_device(state, device)
            be_idle(state.tiers.channels, channel_of(device, READ))
            be_idle(state.tiers.channels, channel_of(device, WRITE))
