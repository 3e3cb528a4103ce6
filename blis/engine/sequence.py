"""A request's sequence as a path of segments: which blocks of it can be found, and by what.

Blocks that the same requests share, one behind the other, are a segment: whoever has one of them has all. Behind the
shared ones lie blocks that only the request itself can find again, once it has been preempted. Where a copy can hide
another (the reference semantics), each block is a segment of its own.
"""

from blis.engine._jit import kernel
from blis.engine.state import State
from blis.engine.views import World


@kernel
def shared_blocks(world: World, request: int) -> int:
    """Leading blocks of the request's whole sequence whose keys other requests share."""
    workload = world.workload
    last = workload.segment_offsets[request + 1]
    return workload.segment_end[workload.segments[last - 1]] if last > workload.segment_offsets[request] else 0


@kernel
def shared_prompt_blocks(world: World, request: int) -> int:
    """Prompt blocks that anyone but the request itself can have left somewhere."""
    return min(shared_blocks(world, request), world.workload.table.prompt_blocks[request])


@kernel
def keyed_blocks(world: World, state: State, request: int) -> int:
    """Leading blocks that get a key when they fill."""
    shared, own = shared_blocks(world, request), state.requests.own_segment[request]
    if shared == 0 and own < 0:
        return 0
    if state.requests.detached_blocks[request] > 0 or not has_keys(world, state, request):
        return 0
    return shared + own_blocks(world, request) if own >= 0 else shared


@kernel
def has_keys(world: World, state: State, request: int) -> bool:
    """Whether the instance of a request keeps blocks to be found again."""
    return world.limits.prefix_caching[state.requests.instance[request]] != 0


@kernel
def own_blocks(world: World, request: int) -> int:
    """Blocks that only the request itself can find again: each needs a key of its own once it is preempted."""
    whole = world.workload.table.prompt_blocks[request]
    if world.settings.resume_keeps_output:
        outputs = max(world.workload.table.output_tokens[request], 1)
        stored = world.workload.table.input_tokens[request] + outputs - 1
        whole = stored // world.settings.block_size_tokens
    return max(0, whole - shared_blocks(world, request))


@kernel
def own_segments(world: World, request: int) -> int:
    """Segments that the request's own blocks make."""
    blocks = own_blocks(world, request)
    return min(blocks, 1) if world.settings.copies_findable else blocks


@kernel
def segment_at(world: World, state: State, request: int, place: int) -> tuple[int, int]:
    """Segment of the block at a place below `keyed_blocks`, and where the segment ends."""
    workload, shared = world.workload, shared_blocks(world, request)
    if place >= shared:
        own = state.requests.own_segment[request]
        if world.settings.copies_findable:
            return own, shared + own_blocks(world, request)
        return own + place - shared, place + 1
    low, high = workload.segment_offsets[request], workload.segment_offsets[request + 1] - 1
    while low < high:
        middle = (low + high) >> 1
        if workload.segment_end[workload.segments[middle]] <= place:
            low = middle + 1
        else:
            high = middle
    segment = workload.segments[low]
    return segment, workload.segment_end[segment]


@kernel
def segment_before(world: World, state: State, request: int, end: int) -> tuple[int, int]:
    """Segment of the block before a place, `keyed_blocks` at most, and where the segment begins.

    Only where all copies can be found: else each of a request's own blocks is a segment.
    """
    segment, _ = segment_at(world, state, request, end - 1)
    shared = shared_blocks(world, request)
    return segment, shared if end > shared else world.workload.segment_first[segment]
