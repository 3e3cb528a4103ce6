"""What a clairvoyant eviction policy learns when a request goes elsewhere: others may need the same blocks later."""

from blis.engine._jit import kernel
from blis.engine.block_index import find
from blis.engine.blocks_view import blocks_view
from blis.engine.evictable import enter_evictable, leave_evictable
from blis.engine.queues import queue_place
from blis.engine.reference import by_reference
from blis.engine.state import State
from blis.engine.views import EVICTION, RANKS_BLOCKS, World, rank_at

NOWHERE = -1  #: where a request goes that is refused


@kernel
def look_ahead_again(world: World, state: State, request: int, target: int) -> None:
    """A request has been sent to an instance: rank anew what it would have found on all others."""
    workload = world.workload
    for instance in range(world.settings.n_instances):
        if instance == target:
            continue
        for entry in range(workload.segment_offsets[request], workload.segment_offsets[request + 1]):
            run = find(state.cache, workload.segments[entry] * world.settings.n_instances + instance)
            if run < 0:
                break
            while run >= 0:
                if state.cache.runs.references[run] == 0:
                    _rank_anew(world, state, instance, request, run)
                run = state.cache.runs.next_copy[run]


@kernel
def _rank_anew(world: World, state: State, instance: int, request: int, run: int) -> None:
    kept = state.kept.runs
    place = queue_place(instance, kept.queue[run])
    view = by_reference(blocks_view(world, state, instance, request, run, -1, 0))
    key = rank_at(world.answers[RANKS_BLOCKS])(view, world.parameters[EVICTION], world.memory[EVICTION])
    if kept.dependents[run] == 0:
        leave_evictable(state.kept, place, run)
    kept.key[run] = key
    if kept.dependents[run] == 0:
        enter_evictable(state.kept, place, run)
