"""Whether the arrays that grow have room for what comes next: a kernel stops before anything has happened if not."""

from blis.engine._jit import kernel
from blis.engine.block_index import has_room
from blis.engine.codes import NEED_RUNS
from blis.engine.state import LOG_ENTRIES, LOST_ENTRIES, NEXT_OWN_SEGMENT, PAUSES, PIECES_MADE, State
from blis.engine.views import World

#: Runs that a tier can come to have by a new one on the GPU and one that is evicted there: each is one, what it lies
#: within is cut at both ends, and what it pushes out is a part of another.
TIER_RUNS_PER_RUN = 8


@kernel
def has_room_for_step(world: World, state: State, instance: int) -> bool:
    """Whether there is room for whatever one step, and the end of another, can add without a preemption."""
    return has_room_beside(world, state, instance, 0)


@kernel
def has_room_beside(world: World, state: State, instance: int, runs: int) -> bool:
    """Whether there is room for so many new runs, and the pieces of which they are part, beside what a step can add."""
    need = runs + _most_new_runs(world, state, instance, runs)
    state.scratch.step[NEED_RUNS] = need
    if world.settings.cache_signal_delay_us > 0:
        changes = 4 * need + 2 * state.instances.shape[0]
        if 2 * (state.seen.counters[1] + changes) > state.seen.slots.shape[0]:
            return False
    log, batch = state.log, state.batches.members.shape[1]
    return (
        has_room(state.cache, need)
        and (world.settings.ghost_permille == 0 or has_room(state.ghosts, need))
        and (world.settings.n_tiers == 0 or has_room(state.tier_store, most_tier_runs(world, need)))
        and state.cache.counters[PIECES_MADE] + need <= state.cache.pieces.shape[0]
        and log.counters[LOG_ENTRIES] + 2 <= log.entries.shape[0]
        and log.counters[LOST_ENTRIES] + batch <= log.lost.shape[0]
        and log.counters[PAUSES] + batch <= log.pauses.shape[0]
    )


@kernel
def most_tier_runs(world: World, runs: int) -> int:
    """Most runs that the tiers can come to have by so many new ones on the GPU, and as many that are evicted there."""
    return TIER_RUNS_PER_RUN * world.settings.n_tiers * runs


@kernel
def _most_new_runs(world: World, state: State, instance: int, others: int) -> int:
    """Most keyed blocks that can fill in one step without a preemption: each may become a run.

    No more blocks than these are taken either, and so no more runs evicted.
    """
    if state.cache.counters[NEXT_OWN_SEGMENT] == 0 and others == 0 and world.settings.evicts_oldest:  # no keys at all
        return 0
    batch = state.batches.members.shape[1]
    size = world.settings.block_size_tokens
    most = world.limits.step_token_budget[instance] // size + 4 * batch + 2
    if world.limits.draft_tokens[instance] > 0:  # accepted since each member was last served
        most += batch * -(-world.limits.draft_tokens[instance] // size)
    if not world.settings.evicts_oldest:  # what nobody else shares of each that leaves
        most += batch
    return most
