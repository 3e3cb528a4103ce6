"""What becomes of free blocks that have keys where a policy ranks them: which goes first when blocks are needed.

A run that its last holder gives back gets a place in one of the policy's queues, and a key; the lowest key of a queue
goes first, of equal ones what was given back earlier. A block is of use only behind the one before it, so a run can go
only when no free run continues it: runs that are continued wait outside the queue's order, with the key that they have,
and whoever holds a run holds all before it. Blocks that nobody else shares lie in runs too, which no index names: to
the instance they are content like any other.

A run costs O(log n) amortised when it is given back, claimed or evicted, however many blocks it has.
"""

import numpy as np

from blis.engine._jit import kernel
from blis.engine.block_runs import append, new_run, recycle, remove_copy, unlink
from blis.engine.blocks_view import NOTHING, blocks_view, given_back_us
from blis.engine.evictable import enter_evictable, leave_evictable
from blis.engine.frequencies import count_use, frequency_of
from blis.engine.ghosts import forget_evicted, recall, remember
from blis.engine.queues import queue_place
from blis.engine.reference import by_reference
from blis.engine.seen_cache import note_change
from blis.engine.state import MOST_QUEUES, State
from blis.engine.tier_store import UNSHARED
from blis.engine.tier_writes import note_evicted
from blis.engine.views import (
    CHOOSES_QUEUE,
    EVICTION,
    GIVES_WAY,
    RANKS_BLOCKS,
    World,
    choose_queue_at,
    rank_at,
)

_UNSHARED = -1  #: identity of a run that no index names
_LOWEST = float("-inf")


@kernel
def begin_keeping(world: World, state: State, run: int) -> None:
    """Nothing is known yet of a run that has just been made."""
    if world.settings.evicts_oldest:
        return
    kept = state.kept.runs
    kept.queue[run], kept.counted_blocks[run], kept.uses[run] = -1, 0, 0
    kept.predecessor[run], kept.dependents[run] = -1, 0


@kernel
def is_new(state: State, run: int) -> bool:
    """Whether nobody has given a run back yet: what is computed now has as little behind it."""
    return state.kept.runs.uses[run] == 0


@kernel
def keep_unshared(world: World, state: State, instance: int, request: int, first: int, end: int) -> int:
    """Give back blocks whose keys nobody else will ask for, in a run of their own, and return it."""
    run = new_run(state.cache, _UNSHARED, first, end)
    begin_keeping(world, state, run)
    state.instances.used_blocks[instance] -= end - first
    _find_place(world, state, instance, request, run)
    append(state.cache, instance, run)
    enter_evictable(state.kept, queue_place(instance, state.kept.runs.queue[run]), run)
    return run


@kernel
def give_back_ranked(world: World, state: State, instance: int, request: int, run: int, above: int) -> int:
    """Let one request fewer hold a run; `above` is the one that continues it for that request, -1 if none does.

    Returns
    -------
    int
        The run that continues the next one: this one, or the one that it has become a part of.
    """
    runs, kept = state.cache.runs, state.kept.runs
    runs.references[run] -= 1
    if runs.references[run] > 0:
        _note_use(world, state, instance, run)
        _depend(state, above, run)
        return run
    state.instances.used_blocks[instance] -= runs.end[run] - runs.first[run]
    _find_place(world, state, instance, request, run)
    if _continues_alike(state, instance, run, above):
        runs.first[above] = runs.first[run]
        kept.uses[above] = max(kept.uses[above], kept.uses[run])
        kept.since_us[above] = min(kept.since_us[above], kept.since_us[run])
        kept.counted_blocks[above] += kept.counted_blocks[run]
        remove_copy(state.cache, run)
        recycle(state.cache, run)
        return above
    append(state.cache, instance, run)
    _depend(state, above, run)
    if kept.dependents[run] == 0:
        enter_evictable(state.kept, queue_place(instance, kept.queue[run]), run)
    return run


@kernel
def claim_ranked(state: State, instance: int, run: int) -> None:
    """A free run is held again: it leaves its queue's order, and no longer keeps the one before it."""
    kept = state.kept.runs
    if kept.dependents[run] == 0:
        leave_evictable(state.kept, queue_place(instance, kept.queue[run]), run)
    _depend_no_more(state, instance, run)


@kernel
def keep_split(world: World, state: State, run: int, below: int) -> None:
    """A run has been cut in two: what was known of it holds for both."""
    if world.settings.evicts_oldest:
        return
    runs, kept = state.cache.runs, state.kept.runs
    kept.key[below], kept.rank[below], kept.queue[below] = kept.key[run], kept.rank[run], kept.queue[run]
    kept.uses[below], kept.since_us[below] = kept.uses[run], kept.since_us[run]
    kept.counted_blocks[below] = min(kept.counted_blocks[run], runs.end[below] - runs.first[below])
    kept.counted_blocks[run] -= kept.counted_blocks[below]
    kept.predecessor[below], kept.dependents[below] = kept.predecessor[run], 0
    kept.predecessor[run] = -1
    if runs.references[run] == 0:
        _depend(state, run, below)


@kernel
def evict_lowest(world: World, state: State, instance: int, count: int) -> int:
    """Take blocks of the run that goes first, the last ones of it, `count` at most; return how many."""
    runs, kept = state.cache.runs, state.kept.runs
    run = _first_to_go(world, state, instance)
    place, identity, end = queue_place(instance, kept.queue[run]), runs.identity[run], runs.end[run]
    taken = min(count, end - runs.first[run])
    if identity >= 0:
        note_change(world, state, identity)
        state.instances.evicted_blocks[instance] += taken
    state.kept.queues.blocks[place] -= taken
    state.kept.queues.evicted_key[queue_place(instance, 0)] = kept.key[run]
    if world.settings.ghost_permille > 0:
        remember(world, state, instance, kept.queue[run], identity, end - taken, end)
    if taken < end - runs.first[run]:
        runs.end[run] -= taken
        kept.counted_blocks[run] -= taken
    else:
        leave_evictable(state.kept, place, run)
        _depend_no_more(state, instance, run)
        unlink(state.cache, run)
        if identity >= 0:
            remove_copy(state.cache, run)
        recycle(state.cache, run)
    if world.settings.n_tiers > 0:
        segment = identity // world.settings.n_instances if identity >= 0 else UNSHARED
        note_evicted(world, state, instance, segment, end - taken, end)
    return taken


@kernel
def forget_ranking(world: World, state: State, instance: int) -> None:
    """Let the policy's queues be empty, and what it knew of evicted blocks be gone, as the engine begins anew."""
    kept, settings = state.kept, world.settings
    for queue in range(MOST_QUEUES):
        place = queue_place(instance, queue)
        if settings.ghost_permille > 0:
            forget_evicted(state, place)
        kept.queues.root[place] = -1
        kept.queues.blocks[place] = 0
        kept.queues.head_blocks[place] = 0
        kept.queues.head_frequency[place] = 0
        kept.queues.evicted_key[place] = 0.0
        kept.queues.given_back[place] = 0
        kept.queues.sampled_blocks[place] = 0
    width = kept.frequencies.shape[0] // settings.n_instances
    kept.frequencies[instance * width : (instance + 1) * width] = 0


@kernel
def _first_to_go(world: World, state: State, instance: int) -> int:
    """The run that goes first of the queue that gives way; of the next queue that has one if that one has none."""
    queues = state.kept.queues
    if world.settings.n_queues == 1:
        return queues.root[queue_place(instance, 0)]
    while True:
        _look_at_heads(world, state, instance)
        view = by_reference(blocks_view(world, state, instance, NOTHING, NOTHING, -1, 0))
        answer = choose_queue_at(world.answers[GIVES_WAY])(view, world.parameters[EVICTION], world.memory[EVICTION])
        source = answer // MOST_QUEUES - 1 if answer >= MOST_QUEUES else answer
        source = max(0, min(source, world.settings.n_queues - 1))
        run = queues.root[queue_place(instance, source)]
        if run >= 0 and answer >= MOST_QUEUES:
            _move(world, state, instance, run, answer % MOST_QUEUES)
            continue
        queue = 0
        while run < 0:
            run = queues.root[queue_place(instance, queue)]
            queue += 1
        return run


@kernel
def _look_at_heads(world: World, state: State, instance: int) -> None:
    queues, runs = state.kept.queues, state.cache.runs
    for queue in range(world.settings.n_queues):
        place = queue_place(instance, queue)
        run = queues.root[place]
        queues.head_blocks[place] = runs.end[run] - runs.first[run] if run >= 0 else 0
        if world.settings.needs_frequency and run >= 0:
            queues.head_frequency[place] = frequency_of(world, state, instance, runs.identity[run])


@kernel
def _move(world: World, state: State, instance: int, run: int, target: int) -> None:
    """Put the first run of a queue at the end of another: it keeps its key, and comes behind what has an equal one."""
    kept, queues = state.kept.runs, state.kept.queues
    source, place = queue_place(instance, kept.queue[run]), queue_place(instance, target)
    leave_evictable(state.kept, source, run)
    queues.blocks[source] -= kept.counted_blocks[run]
    queues.blocks[place] += kept.counted_blocks[run]
    kept.queue[run] = target
    _take_number(state, instance, run)
    enter_evictable(state.kept, place, run)


@kernel
def _take_number(state: State, instance: int, run: int) -> None:
    """Let a run be the one that was given back last."""
    given_back = state.kept.queues.given_back
    state.kept.runs.rank[run] = given_back[queue_place(instance, 0)]
    given_back[queue_place(instance, 0)] += 1


@kernel
def _note_use(world: World, state: State, instance: int, run: int) -> None:
    state.kept.runs.uses[run] += 1
    if world.settings.needs_frequency:
        runs = state.cache.runs
        count_use(world, state, instance, runs.identity[run], runs.end[run] - runs.first[run])


@kernel
def _find_place(world: World, state: State, instance: int, request: int, run: int) -> None:
    """Ask the policy for the queue and the key of a run that has become free."""
    runs, kept, queues = state.cache.runs, state.kept.runs, state.kept.queues
    _note_use(world, state, instance, run)
    _take_number(state, instance, run)
    ghost_queue, found = -1, 0
    if kept.queue[run] < 0:
        kept.since_us[run] = given_back_us(state, request)
        if world.settings.ghost_permille > 0 and runs.identity[run] >= 0:
            ghost_queue, found = recall(state, instance, runs.identity[run], runs.first[run], runs.end[run])
    view = by_reference(blocks_view(world, state, instance, request, run, ghost_queue, found))
    parameters, memory = world.parameters[EVICTION], world.memory[EVICTION]
    queue = 0
    if world.settings.n_queues > 1:
        queue = choose_queue_at(world.answers[CHOOSES_QUEUE])(view, parameters, memory)
        queue = max(0, min(queue, world.settings.n_queues - 1))
    key = rank_at(world.answers[RANKS_BLOCKS])(view, parameters, memory)
    kept.key[run] = _LOWEST if np.isnan(key) else key
    if kept.queue[run] >= 0:
        queues.blocks[queue_place(instance, kept.queue[run])] -= kept.counted_blocks[run]
    kept.queue[run], kept.counted_blocks[run] = queue, runs.end[run] - runs.first[run]
    queues.blocks[queue_place(instance, queue)] += kept.counted_blocks[run]


@kernel
def _depend(state: State, above: int, run: int) -> None:
    """Note that a free run continues another, which then cannot go before it."""
    if above >= 0 and state.cache.runs.references[above] == 0:
        state.kept.runs.predecessor[above] = run
        state.kept.runs.dependents[run] += 1


@kernel
def _depend_no_more(state: State, instance: int, run: int) -> None:
    """A run is free no longer, or gone: the one before it can go if it is free and nothing else continues it."""
    kept = state.kept.runs
    before = kept.predecessor[run]
    kept.predecessor[run] = -1
    if before < 0:
        return
    kept.dependents[before] -= 1
    if kept.dependents[before] == 0 and state.cache.runs.references[before] == 0:
        enter_evictable(state.kept, queue_place(instance, kept.queue[before]), before)


@kernel
def _continues_alike(state: State, instance: int, run: int, above: int) -> bool:
    """Whether two runs, given back one after the other, are parts of one that nobody will have to tell apart."""
    runs, kept = state.cache.runs, state.kept.runs
    return (
        above >= 0
        and runs.previous[instance] == above
        and runs.identity[above] == runs.identity[run]
        and runs.first[above] == runs.end[run]
        and kept.dependents[run] == 0
        and kept.queue[above] == kept.queue[run]
        and kept.key[above] == kept.key[run]
        and (runs.next_copy[run] == above or runs.next_copy[above] == run)
    )
