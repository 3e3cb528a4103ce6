"""What is written to the tiers beneath the GPUs, and where: when a block has got its key, or when it leaves the GPU.

Written through, the blocks of a request that get their keys at one time go to every tier that lacks them. What a tier
has of them is used; then it makes room for the others; then all of them are its latest, the last one first. Those for
which there is no room, the last ones, are dropped. Written back, each block goes to the first tier when the GPU evicts
it, and what that evicts to the next; a tier that has it uses it instead. Where places are exclusive, blocks of an
instance's own tiers leave them when they come to lie on its GPU. A write takes its turn on its device's channel; until
it has ended, the block is neither read nor evicted, and a write for which only such blocks would have to go is dropped.
"""

from blis.engine._jit import kernel, seldom_kernel
from blis.engine.block_index import find
from blis.engine.block_runs import covering
from blis.engine.channels import READ, WRITE, be_idle, channel_of, continue_transfer, transfer
from blis.engine.codes import NOW_US
from blis.engine.sequence import segment_before
from blis.engine.state import N_FRAME_PLACES, State
from blis.engine.tier_eviction import evict, learn_from, put_known, unknown_below, used_list
from blis.engine.tier_places import device_of, is_shared
from blis.engine.tier_store import (
    ONCE,
    OWN_LIST,
    UNSHARED,
    forget_device,
    identity_of,
    piece_below,
    put_unshared,
    take_out,
    use,
)
from blis.engine.views import World
from blis.foundation.units import Int64Vector

_TIER, _SEGMENT, _FIRST, _END, _BEGUN_US = range(N_FRAME_PLACES)
_NOT_BEGUN = -1
_NOWHERE = 2**62


@seldom_kernel
def note_registered(world: World, state: State, instance: int, request: int, first: int, end: int) -> None:
    """Blocks of a request are full and known now: write them through, or take them out of where they were."""
    if world.settings.tiers_exclusive:
        _take_up(world, state, instance, request, first, end)
    elif world.settings.tiers_written_through:
        end = _written_end(world, request, end)
        if first < end:
            for tier in range(world.settings.n_tiers):
                device = device_of(world, state, tier, instance)
                _write_through(world, state, request, device, first, end)


@seldom_kernel
def note_unshared(world: World, state: State, instance: int, request: int, first: int, end: int) -> None:
    """A request leaves full blocks that nobody else can find: written through, they have gone to the tiers as well."""
    end = _written_end(world, request, end)
    if world.settings.tiers_written_through and first < end:
        for tier in range(world.settings.n_tiers):
            _write_unshared(state, device_of(world, state, tier, instance), end - first)


@kernel
def _written_end(world: World, request: int, end: int) -> int:
    """Up to where blocks of a request are written through at all."""
    return min(end, world.workload.table.prompt_blocks[request]) if world.settings.tiers_prompts_only else end


@kernel
def _take_up(world: World, state: State, instance: int, request: int, first: int, end: int) -> None:
    """Blocks that lie on the GPU lie in none of the instance's own tiers."""
    while end > first:
        segment, low = segment_before(world, state, request, end)
        low = max(low, first)
        for tier in range(world.settings.n_tiers):
            if not is_shared(world, state, tier):
                device = device_of(world, state, tier, instance)
                taken, _ = take_out(state, identity_of(state, device, segment, 0), low, end)
                state.tiers.devices.removed_blocks[device] += taken
        end = low


@seldom_kernel
def note_evicted(world: World, state: State, instance: int, segment: int, first: int, end: int) -> None:
    """Blocks have left the GPU: write back those of which it has no other copy, the last ones first."""
    if world.settings.tiers_written_through:
        return
    if segment == UNSHARED:
        _write_back(world, state, instance, UNSHARED, first, end)
        return
    identity = segment * world.settings.n_instances + instance
    while first < end:
        low, high = _last_without_copy(state, identity, first, end)
        if low < high:
            _write_back(world, state, instance, segment, low, high)
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
def _write_back(world: World, state: State, instance: int, segment: int, first: int, end: int) -> None:
    """Write blocks to the first tier, the last one first, what each pushes out of it to the next, and so on.

    Neighbours are treated as one where that comes to the same, and travel as one.
    """
    frames = state.tiers.frames
    depth, now_us = 1, state.scratch.step[NOW_US]
    _enter_frame(frames[0], 0, segment, first, end)
    while depth > 0:
        frame = frames[depth - 1]
        if frame[_END] == frame[_FIRST]:
            depth -= 1
            continue
        device = device_of(world, state, frame[_TIER], instance)
        victim, low, high = _put_last(state, device, frame, now_us)
        if low < high and frame[_TIER] + 1 < world.settings.n_tiers:
            _enter_frame(frames[depth], frame[_TIER] + 1, victim, low, high)
            depth += 1


@kernel
def _enter_frame(frame: Int64Vector, tier: int, segment: int, first: int, end: int) -> None:
    frame[_TIER], frame[_SEGMENT], frame[_FIRST], frame[_END] = tier, segment, first, end
    frame[_BEGUN_US] = _NOT_BEGUN


@kernel
def _put_last(state: State, device: int, frame: Int64Vector, now_us: int) -> tuple[int, int, int]:
    """Put the last blocks of a write on its device, as many as are alike; return what these have pushed out."""
    segment, first, end = frame[_SEGMENT], frame[_FIRST], frame[_END]
    devices, identity = state.tiers.devices, identity_of(state, device, segment, 0)
    low, room = first, devices.capacity_blocks[device] - devices.blocks[device]
    if segment != UNSHARED:
        low, is_there = piece_below(state, device, segment, first, end)
        if is_there:
            use(state, identity, low, end, used_list(state, device), now_us)
            frame[_END] = low
            return UNSHARED, 0, 0
        low = unknown_below(state, device, segment, low, end)
        if low == end:  # each that is remembered may move what is to go next
            low = end - 1
            learn_from(state, device, segment, low, end)
    if devices.learns[device] and room > 0:
        low = max(low, end - room)
    victim, victim_first, victim_end = UNSHARED, 0, 0
    if end - low > room:
        victim, victim_first, victim_end = evict(state, device, end - low - room, 0, True, now_us)
        room += victim_end - victim_first
    if room == 0:
        devices.dropped_blocks[device] += end - low
        frame[_END] = low
        return UNSHARED, 0, 0
    low = max(low, end - room)
    ready_us = _transferred_us(state, device, frame, end - low, now_us)
    _put_new(state, device, segment, low, end, ready_us, now_us, frame[_BEGUN_US])
    frame[_END] = low
    return victim, victim_first, victim_end


@kernel
def _transferred_us(state: State, device: int, frame: Int64Vector, blocks: int, now_us: int) -> int:
    """When blocks of a write will have been transferred, with those of it that came before."""
    channels, channel = state.tiers.channels, channel_of(device, WRITE)
    if frame[_BEGUN_US] != _NOT_BEGUN:
        return continue_transfer(channels, channel, blocks, now_us)
    frame[_BEGUN_US] = max(now_us, channels.free_us[channel])
    return transfer(channels, channel, blocks, now_us)


@kernel
def _put_new(
    state: State, device: int, segment: int, first: int, end: int, ready_us: int, now_us: int, begun_us: int
) -> None:
    """Put blocks that a device does not have on it."""
    state.tiers.devices.written_blocks[device] += end - first
    if segment == UNSHARED:
        put_unshared(state, device, ONCE, end - first)
    else:
        put_known(state, device, segment, first, end, ready_us, now_us, begun_us)


@kernel
def _make_room(state: State, device: int, blocks: int, spared: int, now_us: int) -> int:
    """Evict until there is room for so many blocks, but none of those used last; return how many have none."""
    devices, capacity = state.tiers.devices, state.tiers.devices.capacity_blocks[device]
    dropped = max(0, blocks - (capacity - spared))
    lacking = blocks - dropped - (capacity - devices.blocks[device])
    while lacking > 0:
        _, low, high = evict(state, device, lacking, spared, False, now_us)
        if low == high:
            dropped += lacking
            break
        lacking -= high - low
    devices.dropped_blocks[device] += dropped
    return dropped


@kernel
def _write_unshared(state: State, device: int, blocks: int) -> None:
    """Write blocks that nobody else can find to a device."""
    now_us = state.scratch.step[NOW_US]
    blocks -= _make_room(state, device, blocks, 0, now_us)
    if blocks > 0:
        ready_us = transfer(state.tiers.channels, channel_of(device, WRITE), blocks, now_us)
        _put_new(state, device, UNSHARED, 0, blocks, ready_us, now_us, now_us)


@kernel
def _write_through(world: World, state: State, request: int, device: int, first: int, end: int) -> None:
    """Write those blocks of a request to a device that it lacks; all are then its latest, the last one first."""
    had, place, now_us = 0, end, state.scratch.step[NOW_US]
    while place > first:
        segment, low = segment_before(world, state, request, place)
        low = max(low, first)
        used = use(state, identity_of(state, device, segment, 0), low, place, used_list(state, device), now_us)
        if used < place - low:
            learn_from(state, device, segment, low, place)
        had += used
        place = low
    new = end - first - had
    if new == 0:
        return
    dropped = _make_room(state, device, new, had, now_us)
    if dropped == new:
        return
    channel = channel_of(device, WRITE)
    begun_us = max(now_us, state.tiers.channels.free_us[channel])
    ready_us = transfer(state.tiers.channels, channel, new - dropped, now_us)
    place = end
    while place > first:
        segment, low = segment_before(world, state, request, place)
        low, is_there = piece_below(state, device, segment, max(low, first), place)
        if is_there:
            use(state, identity_of(state, device, segment, 0), low, place, OWN_LIST, now_us)
        elif dropped > 0:
            low = max(low, place - dropped)
            dropped -= place - low
        else:
            _put_new(state, device, segment, low, place, ready_us, now_us, begun_us)
        place = low


@seldom_kernel
def forget_tiers(world: World, state: State, instance: int) -> None:
    """An instance that goes, or dies, takes its own tiers with it; what it shared with others stays."""
    for tier in range(world.settings.n_tiers):
        if not is_shared(world, state, tier):
            device = device_of(world, state, tier, instance)
            forget_device(state, device)
            be_idle(state.tiers.channels, channel_of(device, READ))
            be_idle(state.tiers.channels, channel_of(device, WRITE))
