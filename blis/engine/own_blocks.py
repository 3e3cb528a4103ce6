"""Blocks that nobody but their own request can find again: they get keys once it has lost them.

Where instances share a tier, those of a divided request get keys at once: two instances have them, and write the same.
"""

from blis.engine._jit import kernel
from blis.engine.holding import fill_blocks
from blis.engine.sequence import has_keys, own_blocks, own_segments, shared_blocks
from blis.engine.state import NEXT_OWN_SEGMENT, State
from blis.engine.views import World


@kernel
def key_own_blocks(world: World, state: State, instance: int, request: int, known: int) -> None:
    """A first loss makes the request's own blocks worth finding: its next life may meet them again."""
    if not has_keys(world, state, request) or not begin_own_segment(world, state, request):
        return
    full = known // world.settings.block_size_tokens
    end = shared_blocks(world, request) + own_blocks(world, request)
    fill_blocks(world, state, instance, request, min(full, end))


@kernel
def begin_own_segment(world: World, state: State, request: int) -> bool:
    """Let the request's own blocks get keys from now on; False, and nothing happens, if they do, or there are none."""
    requests, cache = state.requests, state.cache
    if requests.own_segment[request] >= 0 or requests.detached_blocks[request] > 0:
        return False
    if own_blocks(world, request) == 0:
        return False
    requests.own_segment[request] = cache.counters[NEXT_OWN_SEGMENT]
    cache.counters[NEXT_OWN_SEGMENT] += own_segments(world, request)
    return True


@kernel
def new_own_segments(world: World, state: State, request: int) -> int:
    """Segments of own blocks that the request gets if it loses its blocks now."""
    return own_segments(world, request) if state.requests.own_segment[request] < 0 else 0
