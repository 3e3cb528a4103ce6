"""An instance that goes, or dies, takes its cache with it, and the router forgets what it sent there."""

from blis.engine._jit import kernel
from blis.engine.block_index import find, forget
from blis.engine.block_runs import recycle, remove_copy, unlink
from blis.engine.holding import give_back_piece
from blis.engine.keeping import forget_ranking
from blis.engine.router_index import forget_instance
from blis.engine.state import PIECE_RECYCLED, State
from blis.engine.tier_writes import forget_tiers
from blis.engine.views import World


@kernel
def give_back_pieces(world: World, state: State, instance: int, request: int) -> None:
    """Let a request hold no blocks any more, whatever it has stored."""
    cache, piece, above = state.cache, state.requests.last_piece[request], -1
    while piece >= 0:
        above = give_back_piece(world, state, instance, request, piece, above)
        below = cache.pieces.below[piece]
        cache.pieces.below[piece] = cache.counters[PIECE_RECYCLED]
        cache.counters[PIECE_RECYCLED] = piece
        piece = below
    state.requests.last_piece[request] = -1


@kernel
def forget_cache(world: World, state: State, instance: int) -> None:
    """Let the cache of an instance without requests be as it was at the start: all blocks free, none with a key.

    What the router has read of it stays as old as it is; nobody is sent there before the instance serves again.
    """
    cache, runs = state.cache, state.cache.runs
    while runs.next[instance] != instance:
        run = runs.next[instance]
        unlink(cache, run)
        if runs.identity[run] < 0:  # of blocks that nobody shares: no index names it
            recycle(cache, run)
            continue
        if world.settings.copies_findable:
            remove_copy(cache, run)
        elif find(cache, runs.identity[run]) >= 0:  # its copies go as well
            forget(cache, runs.identity[run])
        recycle(cache, run)
    runs.keyless_after[instance] = world.limits.total_blocks[instance]
    state.instances.used_blocks[instance] = 0
    state.instances.stale_blocks[instance] = 0
    state.instances.last_cold_use[instance] = -1
    if not world.settings.evicts_oldest:
        forget_ranking(world, state, instance)
    if world.settings.n_tiers > 0:
        forget_tiers(world, state, instance)


@kernel
def forget_sent(world: World, state: State, instance: int) -> None:
    """Let the router forget what it sent to an instance that has no requests any more."""
    if world.settings.needs_affinity:
        forget_instance(state, instance)
    for row in range(state.prompts.shape[1]):
        for column in range(state.prompts.shape[2]):
            state.prompts[instance, row, column] = 0
