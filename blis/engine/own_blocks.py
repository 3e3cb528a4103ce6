"""Blocks that nobody but their own request can find again: they get keys once it has lost them."""

from blis.engine._jit import kernel
from blis.engine.holding import fill_blocks
from blis.engine.sequence import has_keys, own_blocks, own_segments, shared_blocks
from blis.engine.state import NEXT_OWN_SEGMENT, State
from blis.engine.views import World


@kernel
def key_own_blocks(world: World, state: State, instance: int, request: int, known: int) -> None:
    """A first loss makes the request's own blocks worth finding: its next life may meet them again."""
    requests, cache = state.requests, state.cache
    count = own_blocks(world, request)
    if requests.own_segment[request] >= 0 or count == 0 or requests.detached_blocks[request] > 0:
        return
    if not has_keys(world, state, request):
        return
    requests.own_segment[request] = cache.counters[NEXT_OWN_SEGMENT]
    cache.counters[NEXT_OWN_SEGMENT] += own_segments(world, request)
    full = known // world.settings.block_size_tokens
    fill_blocks(world, state, instance, request, min(full, shared_blocks(world, request) + count))


@kernel
def new_own_segments(world: World, state: State, request: int) -> int:
    """Segments of own blocks that the request gets if it loses its blocks now."""
    return own_segments(world, request) if state.requests.own_segment[request] < 0 else 0
