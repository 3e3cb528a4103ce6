"""In which tier a block is looked for: the nearest one that has it; the tier that all instances share is the last."""

from blis.engine._jit import kernel
from blis.engine.channels import READ, channel_of, transfer_end_us
from blis.engine.state import MOST_TIERS, State
from blis.engine.tier_store import held_end, next_held
from blis.engine.views import World


@kernel
def device_of(world: World, state: State, tier: int, instance: int) -> int:
    """The device on which an instance's blocks of a tier lie."""
    return state.tiers.devices.owner[tier * world.settings.n_instances + instance]


@kernel
def is_shared(world: World, state: State, tier: int) -> bool:
    """Whether all instances share a tier."""
    return world.settings.shares_tier != 0 and tier == world.settings.n_tiers - 1


@kernel
def nearest_tier(world: World, state: State, instance: int, segment: int, place: int, end: int) -> tuple[int, int]:
    """The nearest tier that has the block of a segment at a place, and up to where it is the nearest that has them.

    If none has it, the number of tiers and the place itself.
    """
    tier = 0
    while tier < world.settings.n_tiers:
        device = device_of(world, state, tier, instance)
        reached = held_end(state, device, segment, place, end)
        if reached > place:
            return tier, reached
        end = next_held(state, device, segment, place, end)
        tier += 1
    return tier, place


@kernel
def count_prompt_by_tier(world: World, state: State, instance: int, request: int, first: int, last: int) -> int:
    """Count in scratch what tiers have of a prompt from block `first` to `last`, up to the first that none has.

    Returns how many that is.
    """
    workload, counts, place = world.workload, state.scratch.tier_counts, first
    for tier in range(MOST_TIERS):
        counts[tier] = 0
    for entry in range(workload.segment_offsets[request], workload.segment_offsets[request + 1]):
        segment = workload.segments[entry]
        end = min(workload.segment_end[segment], last)
        while place < end:
            tier, reached = nearest_tier(world, state, instance, segment, place, end)
            if reached == place:
                return place - first
            counts[tier] += reached - place
            place = reached
    return place - first


@kernel
def counted_end_us(world: World, state: State, instance: int, now_us: int) -> int:
    """When all blocks that are counted in scratch could be there, were they asked for now; tiers work side by side."""
    counts, end_us = state.scratch.tier_counts, now_us
    for tier in range(world.settings.n_tiers):
        if counts[tier] > 0:
            channel = channel_of(device_of(world, state, tier, instance), READ)
            end_us = max(end_us, transfer_end_us(state.tiers.channels, channel, counts[tier], now_us))
    return end_us
