"""What a request finds in the tiers behind the blocks that its GPU has, and loads when it is taken into the batch.

It looks for each block in one tier after the other, and stops at the first that none has. How many of those it found it
loads says the policy `tiering`. What it loads it has not to compute, but its blocks are taken as any other's; from
whichever tiers they come, they come at the same time, each tier's by its own channel.
"""

from blis.engine._jit import kernel, seldom_kernel
from blis.engine.batch_sums import BatchSums
from blis.engine.channels import READ, channel_of, transfer
from blis.engine.codes import FOUND_PARTS, LOADED_US, NOW_US
from blis.engine.free_blocks import take_blocks
from blis.engine.holding import store_tokens
from blis.engine.reference import by_reference
from blis.engine.sequence import segment_at, segment_before, shared_blocks
from blis.engine.state import MOST_TIERS, State
from blis.engine.step_end import start_us
from blis.engine.tier_eviction import used_list
from blis.engine.tier_places import counted_end_us, device_of, is_shared, nearest_tier
from blis.engine.tier_store import identity_of, ready_us, take_out, use
from blis.engine.views import LOADS, TIERING, TIMES_STEP, TieringView, World, load_at, step_time_at


@kernel
def find_in_tiers(world: World, state: State, instance: int, request: int, first: int) -> int:
    """Look for blocks of a request's text from place `first` on; return how many parts of one tier there are.

    The last block is left out if it ends the text: something must be computed to get the next token.
    """
    requests, hits = state.requests, state.scratch.tier_hits
    most = (requests.text_tokens[request] - 1) // world.settings.block_size_tokens
    last = most if requests.own_segment[request] >= 0 else min(shared_blocks(world, request), most)
    if not world.limits.prefix_caching[instance]:
        last = 0
    place, parts = first, 0
    while place < last:
        segment, end = segment_at(world, state, request, place)
        tier, reached = nearest_tier(world, state, instance, segment, place, min(end, last))
        if reached == place:
            break
        hits[parts, 0], hits[parts, 1] = tier, reached
        parts += 1
        place = reached
    return parts


@seldom_kernel
def blocks_to_load(world: World, state: State, instance: int, request: int, first: int) -> int:
    """How many blocks behind the `first` that its GPU has a request loads; what it finds goes to scratch."""
    parts = find_in_tiers(world, state, instance, request, first)
    state.scratch.step[FOUND_PARTS] = parts
    if parts == 0:
        return 0
    found = state.scratch.tier_hits[parts - 1, 1] - first
    now_us = state.scratch.step[NOW_US]
    if not world.settings.tiers_load_apart:
        now_us = start_us(world, state, instance, now_us)
    view = by_reference(_tiering_view(world, state, instance, request, first, found, now_us))
    answer = load_at(world.answers[LOADS])(view, world.parameters[TIERING], world.memory[TIERING])
    return max(0, min(answer, found))


@kernel
def _tiering_view(
    world: World, state: State, instance: int, request: int, first: int, found: int, now_us: int
) -> TieringView:
    instances, table = state.instances, world.workload.table
    _find_leading(world, state, first)
    load_us = _count_by_tier(world, state, instance, first, found, now_us) - now_us
    return TieringView(
        now_us,
        instance,
        request,
        table.slo_class[request],
        table.tenant[request],
        table.turn[request],
        table.input_tokens[request],
        world.settings.block_size_tokens,
        first,
        found,
        load_us,
        _compute_us(world, state, instance, request, first, found),
        instances.queued_requests[instance],
        instances.running_requests[instance],
        world.limits.total_blocks[instance],
        instances.used_blocks[instance],
        state.scratch.tier_leading,
    )


@kernel
def _find_leading(world: World, state: State, first: int) -> None:
    """Write to scratch how far what was found reaches, for each tier, up to the first block that is further away."""
    hits, leading, furthest, place = state.scratch.tier_hits, state.scratch.tier_leading, 0, 0
    for tier in range(MOST_TIERS):
        leading[tier] = 0
    for part in range(state.scratch.step[FOUND_PARTS]):
        furthest = max(furthest, hits[part, 0])
        place = hits[part, 1] - first
        for tier in range(furthest, MOST_TIERS):
            leading[tier] = place


@kernel
def _count_by_tier(world: World, state: State, instance: int, first: int, blocks: int, now_us: int) -> int:
    """Count in scratch what the tiers have of the `blocks` that were found, and return when all could be there."""
    counts, hits = state.scratch.tier_counts, state.scratch.tier_hits
    for tier in range(MOST_TIERS):
        counts[tier] = 0
    place, part = first, 0
    while place < first + blocks:
        end = min(hits[part, 1], first + blocks)
        counts[hits[part, 0]] += end - place
        place = end
        part += 1
    return counted_end_us(world, state, instance, now_us)


@kernel
def _compute_us(world: World, state: State, instance: int, request: int, first: int, blocks: int) -> int:
    """What computing blocks would add to a step that computes the rest of the text anyway."""
    size, text = world.settings.block_size_tokens, state.requests.text_tokens[request]
    whole = _prefill_us(world, instance, text - first * size, first * size, text)
    rest = _prefill_us(world, instance, text - (first + blocks) * size, (first + blocks) * size, text)
    return whole - rest


@kernel
def _prefill_us(world: World, instance: int, tokens: int, history: int, text: int) -> int:
    """Time of a step that computes so many tokens of a text behind so many others."""
    pairs_x2 = 2 * tokens * history + tokens * (tokens - 1)
    sums = BatchSums(1, tokens, history, pairs_x2, 2 * tokens * text + tokens * tokens, 0, 0)
    return step_time_at(world.answers[TIMES_STEP])(sums, world.coefficients[instance])


@seldom_kernel
def load_blocks(world: World, state: State, instance: int, request: int, first: int, blocks: int) -> int:
    """Load the blocks behind the `first` ones into blocks of the GPU; return when they are there.

    The caller has made room, and holds what the GPU has of them already.
    """
    now_us = start_us(world, state, instance, state.scratch.step[NOW_US])
    end_us = _read(world, state, instance, request, first, blocks, now_us)
    size = world.settings.block_size_tokens
    store_tokens(world, state, instance, request, first * size, (first + blocks) * size)
    return end_us


@seldom_kernel
def load_apart(world: World, state: State, instance: int, request: int, first: int, blocks: int) -> int:
    """The same for a request that waits meanwhile: its blocks get their keys when they are there."""
    now_us = state.scratch.step[NOW_US]
    end_us = _read(world, state, instance, request, first, blocks, now_us)
    take_blocks(world, state, instance, blocks)
    return end_us


@kernel
def _read(world: World, state: State, instance: int, request: int, first: int, blocks: int, now_us: int) -> int:
    """Let the channels of the tiers transfer the blocks that were found; return when the last has come."""
    devices, channels, counts = state.tiers.devices, state.tiers.channels, state.scratch.tier_counts
    _count_by_tier(world, state, instance, first, blocks, now_us)
    end_us = _leave_tiers(world, state, instance, request, first, blocks, now_us)
    for tier in range(world.settings.n_tiers):
        if counts[tier] > 0:
            own = tier * world.settings.n_instances + instance
            channel = channel_of(devices.owner[own], READ)
            there_us = transfer(channels, channel, counts[tier], now_us)
            end_us = max(end_us, there_us)
            devices.loaded_blocks[own] += counts[tier]
            devices.load_us[own] += there_us - now_us
            devices.loads[own] += 1
    return end_us


@kernel
def _leave_tiers(world: World, state: State, instance: int, request: int, first: int, blocks: int, now_us: int) -> int:
    """Let blocks be those last used where they lie, or lie there no longer; return when all had been written."""
    hits, part, place, written_us = state.scratch.tier_hits, 0, first + blocks, now_us
    while hits[part, 1] < place:
        part += 1
    while place > first:
        tier, low = hits[part, 0], max(first, hits[part - 1, 1]) if part > 0 else first
        device = device_of(world, state, tier, instance)
        segment, _ = segment_at(world, state, request, low)
        written_us = max(written_us, ready_us(state, device, segment, low, place))
        if world.settings.tiers_exclusive and not is_shared(world, state, tier):
            taken, _ = take_out(state, identity_of(state, device, segment, 0), low, place)
            state.tiers.devices.removed_blocks[device] += taken
        else:
            use(state, identity_of(state, device, segment, 0), low, place, used_list(state, device), now_us)
        place = low
        part -= 1
    return written_us


@seldom_kernel
def note_hits(world: World, state: State, instance: int, request: int, first: int) -> None:
    """Count what a request that is taken has found, and let the tiers know that what it has on the GPU is used."""
    hits, place, now_us = state.scratch.tier_hits, first, state.scratch.step[NOW_US]
    for part in range(state.scratch.step[FOUND_PARTS]):
        own = hits[part, 0] * world.settings.n_instances + instance
        state.tiers.devices.hit_blocks[own] += hits[part, 1] - place
        place = hits[part, 1]
    place = first
    while place > 0:
        segment, low = segment_before(world, state, request, place)
        for tier in range(world.settings.n_tiers):
            device = device_of(world, state, tier, instance)
            use(state, identity_of(state, device, segment, 0), low, place, used_list(state, device), now_us)
        place = low


@kernel
def wait_for_load(state: State, end_us: int) -> None:
    """Let the step in the making last until these blocks are there before it computes."""
    state.scratch.step[LOADED_US] = max(state.scratch.step[LOADED_US], end_us)
