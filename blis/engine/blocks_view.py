"""What an eviction policy sees: free blocks of one run, who gave them back, and the queues of their instance."""

from blis.engine._jit import kernel
from blis.engine.choice import mixed
from blis.engine.codes import NOW_US
from blis.engine.frequencies import frequency_of
from blis.engine.next_use import next_use_us
from blis.engine.queues import queue_place
from blis.engine.state import MOST_QUEUES, State
from blis.engine.views import BlocksView, World

#: Instead of a run and a request, where the question is about an instance.
NOTHING = -1
_UNSHARED = -1
_LOW_32_BITS = 0xFFFFFFFF


@kernel
def given_back_us(state: State, request: int) -> int:
    """When a request that gives its blocks back leaves: now, if it is preempted."""
    leaves_us = state.requests.leaves_us[request]
    return leaves_us if leaves_us >= 0 else state.scratch.step[NOW_US]


@kernel
def blocks_view(
    world: World, state: State, instance: int, request: int, run: int, ghost_queue: int, ghost_blocks_found: int
) -> BlocksView:
    """See `BlocksView`; without a run, of an instance on which blocks are lacking."""
    runs, kept, queues, table = state.cache.runs, state.kept.runs, state.kept.queues, world.workload.table
    first, end = queue_place(instance, 0), queue_place(instance, MOST_QUEUES)
    asks_of_run = run >= 0
    row = request if asks_of_run else 0
    identity = runs.identity[run] if asks_of_run else _UNSHARED
    is_here = asks_of_run and state.requests.instance[row] == instance
    returns = 1 if is_here and state.requests.leaves_us[row] < 0 else 0
    frequency, next_us = 0, 0
    if asks_of_run and world.settings.needs_frequency:
        frequency = frequency_of(world, state, instance, identity)
    if asks_of_run and world.settings.needs_next_use:
        next_us = next_use_us(world, state, instance, identity, row, returns)
    draw = 0
    if asks_of_run:
        number = kept.rank[run] * world.settings.n_instances + instance
        draw = mixed(world.settings.draw_key ^ mixed(number & _LOW_32_BITS))
    return BlocksView(
        given_back_us(state, row) if asks_of_run else state.scratch.step[NOW_US],
        instance,
        world.limits.total_blocks[instance],
        runs.end[run] - runs.first[run] if asks_of_run else 0,
        runs.first[run] if asks_of_run else 0,
        kept.uses[run] if asks_of_run else 0,
        frequency,
        kept.since_us[run] if asks_of_run else 0,
        kept.queue[run] if asks_of_run else -1,
        ghost_queue,
        ghost_blocks_found,
        request,
        table.slo_class[row],
        table.tenant[row],
        table.session[row],
        table.turn[row],
        returns,
        draw,
        next_us,
        queues.evicted_key[first],
        queues.blocks[first:end],
        queues.ghost_blocks[first:end],
        queues.head_blocks[first:end],
        queues.head_frequency[first:end],
    )
