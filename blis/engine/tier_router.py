"""What the router sees of the tiers beneath its instances: how much of a prompt is there, and what that is worth.

A block on the GPU counts as one, a block in a tier as that tier's credit. Tiers are seen as they are: what delays the
signals of the GPUs' caches does not delay these.
"""

from blis.engine._jit import kernel, seldom_kernel
from blis.engine.codes import N_CANDIDATES
from blis.engine.sequence import shared_prompt_blocks
from blis.engine.state import State
from blis.engine.tier_places import count_prompt_by_tier, device_of
from blis.engine.views import World

_PERMILLE = 1000.0


@seldom_kernel
def count_tiered(world: World, state: State, request: int) -> None:
    """What of the prompt each candidate has, behind the blocks on its GPU, which have been counted."""
    for instance in state.scratch.eligible[: state.scratch.cluster[N_CANDIDATES]]:
        on_gpu = state.scratch.cached_blocks[instance]
        state.scratch.tiered_blocks[instance] = on_gpu + _worth(world, state, instance, request, on_gpu)


@kernel
def _worth(world: World, state: State, instance: int, request: int, first: int) -> float:
    """Blocks of the prompt from place `first` on that tiers have, one after the other, times their credits."""
    count_prompt_by_tier(world, state, instance, request, first, shared_prompt_blocks(world, request))
    permille = 0
    for tier in range(world.settings.n_tiers):
        credit = state.tiers.devices.credit_permille[device_of(world, state, tier, instance)]
        permille += state.scratch.tier_counts[tier] * credit
    return permille / _PERMILLE
