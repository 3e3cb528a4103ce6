"""In which tier a block is looked for: the nearest one that has it; the tier that all instances share is the last."""

from blis.engine._jit import kernel
from blis.engine.state import State
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
