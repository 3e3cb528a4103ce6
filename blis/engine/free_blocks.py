"""The free list of an instance: blocks are taken from its front, and come to its end, or its front if they have no key.

Taking a block that has a key evicts it: nobody can find it any more. Where a policy ranks what is free, its order
takes the place of the list's, see `blis.engine.keeping`.
"""

from blis.engine._jit import kernel
from blis.engine.block_index import find, forget
from blis.engine.block_runs import join_list, recycle, remove_copy, unlink
from blis.engine.keeping import claim_ranked, evict_lowest
from blis.engine.seen_cache import note_change
from blis.engine.state import State
from blis.engine.views import World


@kernel
def free_blocks(world: World, state: State, instance: int) -> int:
    """KV blocks that nobody holds."""
    return world.limits.total_blocks[instance] - state.instances.used_blocks[instance]


@kernel
def take_blocks(world: World, state: State, instance: int, count: int) -> None:
    """Take `count` free blocks from the front of the list; the caller has checked that there are so many."""
    runs = state.cache.runs
    state.instances.used_blocks[instance] += count
    state.instances.cache_misses[instance] += count
    while True:
        keyless = min(count, runs.keyless_after[instance])
        runs.keyless_after[instance] -= keyless
        count -= keyless
        if count == 0:
            return
        if world.settings.evicts_oldest:
            count -= _evict(world, state, instance, count)
        else:
            count -= evict_lowest(world, state, instance, count)


@kernel
def _evict(world: World, state: State, instance: int, count: int) -> int:
    """Take the oldest free blocks that have keys, as many as `count` and those of one run; return how many."""
    cache = state.cache
    runs, run = cache.runs, cache.runs.next[instance]
    note_change(world, state, runs.identity[run])
    taken = min(count, runs.end[run] - runs.first[run])
    state.instances.evicted_blocks[instance] += taken
    if taken < runs.end[run] - runs.first[run]:
        runs.end[run] -= taken
        return taken
    unlink(cache, run)
    if world.settings.copies_findable:
        remove_copy(cache, run)
    else:
        _forget_key(state, instance, run)
    recycle(cache, run)
    return taken


@kernel
def _forget_key(state: State, instance: int, run: int) -> None:
    """A block's key goes with it, even where it names a later copy, which then is stale: the reference semantics."""
    runs, identity = state.cache.runs, state.cache.runs.identity[run]
    named = find(state.cache, identity)
    if runs.is_current[run] == 0:
        state.instances.stale_blocks[instance] -= 1
    if named >= 0:
        if named != run:
            runs.is_current[named] = 0
            state.instances.stale_blocks[instance] += 1
        forget(state.cache, identity)


@kernel
def claim(world: World, state: State, instance: int, run: int) -> None:
    """Let one more request hold the blocks of a run; free ones leave the free list."""
    runs = state.cache.runs
    if runs.references[run] == 0:
        unlink(state.cache, run)
        if not world.settings.evicts_oldest:
            claim_ranked(state, instance, run)
        state.instances.used_blocks[instance] += runs.end[run] - runs.first[run]
    runs.references[run] += 1


@kernel
def give_back(state: State, instance: int, run: int) -> None:
    """Let one request fewer hold the blocks of a run; the last one frees them."""
    runs = state.cache.runs
    runs.references[run] -= 1
    if runs.references[run] == 0:
        state.instances.used_blocks[instance] -= runs.end[run] - runs.first[run]
        join_list(state.cache, instance, run)
