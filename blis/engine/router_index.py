"""The router's own record of what it sent where: the blocks that an instance may have, the most recent ones last.

It is a block store without references, copies and pieces. An instance's list holds its blocks from the least recent on,
within a run too; the length of a list, in blocks, is kept as its head's `references`. A list that is full forgets its
least recent blocks. As the most recent ones stay, whatever came before, a prompt can be entered first and the list cut
to its length after.
"""

from blis.engine._jit import kernel
from blis.engine.block_index import find, has_room, set_index
from blis.engine.block_runs import (
    append,
    append_copy,
    append_keyless,
    covered_end,
    new_run,
    recycle,
    remove_copy,
    unlink,
)
from blis.engine.codes import N_CANDIDATES
from blis.engine.sequence import shared_prompt_blocks
from blis.engine.state import BlockStore, State
from blis.engine.views import World


@kernel
def count_affinity(world: World, state: State, request: int) -> None:
    """Leading prompt blocks that the router has sent to each candidate."""
    workload, known = world.workload, shared_prompt_blocks(world, request)
    for instance in state.scratch.eligible[: state.scratch.cluster[N_CANDIDATES]]:
        place = 0
        for entry in range(workload.segment_offsets[request], workload.segment_offsets[request + 1]):
            segment = workload.segments[entry]
            end = min(workload.segment_end[segment], known)
            place = covered_end(state.router, segment * world.settings.n_instances + instance, place, end)
            if place < end or end == known:
                break
        state.scratch.affinity_blocks[instance] = place


@kernel
def most_router_runs(world: World, request: int) -> int:
    """Most runs that remembering a request makes, where it computes its prompt and where it decodes."""
    once = world.workload.segment_offsets[request + 1] - world.workload.segment_offsets[request] + 1
    return 2 * once if world.settings.disaggregates else once


@kernel
def router_room(world: World, state: State, request: int) -> bool:
    """Whether the router's index can take in the request."""
    return not world.settings.needs_affinity or has_room(state.router, most_router_runs(world, request))


@kernel
def remember_prompt(world: World, state: State, instance: int, request: int) -> None:
    """Make the prompt's blocks the most recent of the instance's index, first block first."""
    router, workload = state.router, world.workload
    known = shared_prompt_blocks(world, request)
    most = world.settings.router_index_blocks
    if most == 0:
        most = world.limits.total_blocks[instance]
    place = 0
    for entry in range(workload.segment_offsets[request], workload.segment_offsets[request + 1]):
        if place >= known:
            break
        segment = workload.segments[entry]
        end = min(workload.segment_end[segment], known)
        _make_recent(router, instance, segment * world.settings.n_instances + instance, place, end)
        place = end
    own = workload.table.prompt_blocks[request] - known
    append_keyless(router, instance, own)
    router.runs.references[instance] += own
    _drop_oldest(router, instance, router.runs.references[instance] - most)


@kernel
def forget_instance(state: State, instance: int) -> None:
    """Forget everything that was sent to an instance."""
    _drop_oldest(state.router, instance, state.router.runs.references[instance])


@kernel
def _make_recent(router: BlockStore, instance: int, identity: int, first: int, end: int) -> None:
    """Let the blocks of a segment from its first one on be the most recent, and nowhere else in the list."""
    runs = router.runs
    run = find(router, identity)
    while run >= 0:
        following = runs.next_copy[run]
        known = min(runs.end[run], end) - runs.first[run]
        if known > 0:
            runs.first[run] += known
            runs.references[instance] -= known
            if runs.first[run] == runs.end[run]:
                _remove(router, run)
        run = following
    oldest = find(router, identity)
    run = new_run(router, identity, first, end)
    if oldest >= 0:
        append_copy(router, oldest, run)
    else:
        set_index(router, identity, run)
    append(router, instance, run)
    runs.references[instance] += end - first


@kernel
def _remove(router: BlockStore, run: int) -> None:
    unlink(router, run)
    remove_copy(router, run)
    recycle(router, run)


@kernel
def _drop_oldest(router: BlockStore, instance: int, count: int) -> None:
    """Forget the `count` least recent blocks of an instance's index, if that is any."""
    runs = router.runs
    while count > 0:
        keyless = min(count, runs.keyless_after[instance])
        runs.keyless_after[instance] -= keyless
        runs.references[instance] -= keyless
        count -= keyless
        if count > 0:
            run = runs.next[instance]
            dropped = min(count, runs.end[run] - runs.first[run])
            runs.first[run] += dropped
            runs.references[instance] -= dropped
            count -= dropped
            if runs.first[run] == runs.end[run]:
                _remove(router, run)
