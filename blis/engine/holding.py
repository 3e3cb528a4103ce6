"""The KV blocks of one request: what it finds, takes, gives keys to and gives back.

What it holds is a chain of pieces, from its last blocks to its first. A piece names the run that holds its last block;
if that has been split since, the rest of the piece lies in the runs below.
"""

from blis.engine._jit import kernel
from blis.engine.block_index import find, set_index
from blis.engine.block_runs import append_copy, append_keyless, covering, new_run, prepend_keyless, split
from blis.engine.free_blocks import claim, give_back, take_blocks
from blis.engine.keeping import begin_keeping, give_back_ranked, is_new, keep_split, keep_unshared
from blis.engine.seen_cache import note_change
from blis.engine.sequence import keyed_blocks, segment_at, shared_blocks
from blis.engine.state import PIECE_RECYCLED, PIECES_MADE, State
from blis.engine.tier_writes import note_registered, note_unshared
from blis.engine.views import World

_KEYLESS_COPY = -1  #: instead of a piece's run: one block, whose content can be found in another


@kernel
def cached_prefix(world: World, state: State, instance: int, request: int) -> tuple[int, int, int]:
    """Leading blocks of its text found in the instance's cache; their runs go to scratch.

    Returns
    -------
    tuple of int
        Blocks found, those of them that are free, and parts of runs that they are.
    """
    shared = shared_blocks(world, request)
    whole = state.requests.text_tokens[request] // world.settings.block_size_tokens
    last = whole if state.requests.own_segment[request] >= 0 else min(shared, whole)
    if not world.limits.prefix_caching[instance]:
        last = 0
    runs, hits = state.cache.runs, state.scratch.hits
    place, free, count = 0, 0, 0
    while place < last:
        segment, end = segment_at(world, state, request, place)
        identity, end = segment * world.settings.n_instances + instance, min(end, last)
        while place < end:
            run, part_end = covering(state.cache, identity, place)
            if run < 0:
                return place, free, count
            part_end = min(part_end, end)
            hits[count, 0], hits[count, 1] = run, part_end
            count += 1
            if runs.references[run] == 0:
                free += part_end - place
            place = part_end
    return place, free, count


@kernel
def claim_prefix(world: World, state: State, instance: int, request: int, blocks: int) -> None:
    """Hold the first `blocks` that `cached_prefix` found; the caller has made room for two runs and a piece each."""
    runs, hits = state.cache.runs, state.scratch.hits
    place, count = 0, 0
    while place < blocks:
        run, end = hits[count, 0], min(hits[count, 1], blocks)
        count += 1
        if runs.first[run] < place:
            keep_split(world, state, run, split(state.cache, run, place))
        if runs.end[run] > end:
            below = split(state.cache, run, end)
            keep_split(world, state, run, below)
            run = below
        claim(world, state, instance, run)
        _add_piece(state, request, run, place)
        place = end
    state.requests.registered_blocks[request] = blocks
    state.instances.cache_hits[instance] += blocks
    state.instances.cache_hit_tokens[instance] += blocks * world.settings.block_size_tokens


@kernel
def _add_piece(state: State, request: int, run: int, first: int) -> None:
    pieces, counters = state.cache.pieces, state.cache.counters
    piece = counters[PIECE_RECYCLED]
    if piece >= 0:
        counters[PIECE_RECYCLED] = pieces.below[piece]
    else:
        piece = counters[PIECES_MADE]
        counters[PIECES_MADE] += 1
    pieces.run[piece] = run
    pieces.first[piece] = first
    pieces.below[piece] = state.requests.last_piece[request]
    state.requests.last_piece[request] = piece


@kernel
def fill_blocks(world: World, state: State, instance: int, request: int, end: int) -> None:
    """Give their keys to the request's blocks up to `end`: they have become full, and all of their tokens are known."""
    place = state.requests.registered_blocks[request]
    if end <= place:
        return
    while place < end:
        segment, segment_end = segment_at(world, state, request, place)
        part_end = min(segment_end, end)
        _register(world, state, instance, request, segment * world.settings.n_instances + instance, place, part_end)
        place = part_end
    if world.settings.n_tiers > 0:
        note_registered(world, state, instance, request, state.requests.registered_blocks[request], end)
    state.requests.registered_blocks[request] = end


@kernel
def _register(world: World, state: State, instance: int, request: int, identity: int, first: int, end: int) -> None:
    """Enter blocks of one segment into the index, and let the request hold them."""
    cache, runs = state.cache, state.cache.runs
    note_change(world, state, identity)
    oldest = find(cache, identity)
    if oldest >= 0 and world.settings.copies_findable:
        piece = state.requests.last_piece[request]
        last = cache.pieces.run[piece] if piece >= 0 else _KEYLESS_COPY
        if (
            last == runs.previous_copy[oldest]
            and runs.references[last] == 1
            and runs.end[last] == first
            and (world.settings.evicts_oldest or is_new(state, last))
        ):
            runs.end[last] = end
            return
    elif oldest >= 0:
        if world.settings.first_copy_stays:
            _add_piece(state, request, _KEYLESS_COPY, first)
            return
        runs.is_current[oldest] = 0
        state.instances.stale_blocks[instance] += 1
    run = new_run(cache, identity, first, end)
    begin_keeping(world, state, run)
    runs.references[run] = 1
    if oldest >= 0 and world.settings.copies_findable:
        append_copy(cache, oldest, run)
    else:
        set_index(cache, identity, run)
    _add_piece(state, request, run, first)


@kernel
def store_tokens(world: World, state: State, instance: int, request: int, start: int, end: int) -> None:
    """Put the tokens of positions [start, end) into the cache: take blocks, then give full ones their keys."""
    size = world.settings.block_size_tokens
    keyed = keyed_blocks(world, state, request)
    full = min(keyed, end // size)
    block = -(-start // size)
    last = -(-end // size)
    if world.settings.copies_findable:
        take_blocks(world, state, instance, last - block)
        fill_blocks(world, state, instance, request, full)
        return
    if start % size != 0:
        fill_blocks(world, state, instance, request, min(full, block))
    while block < min(last, keyed):
        # Where a copy can hide another, it matters which block is evicted before the next one gets its key.
        take_blocks(world, state, instance, 1)
        block += 1
        fill_blocks(world, state, instance, request, min(full, block))
    if block < last:
        take_blocks(world, state, instance, last - block)


@kernel
def release(world: World, state: State, instance: int, request: int, stored_tokens: int, known_tokens: int) -> None:
    """Give back all blocks of a request that stores so many tokens, the last block first.

    Blocks that the first `known_tokens` do not fill have no key.
    """
    size = world.settings.block_size_tokens
    instances, cache, requests = state.instances, state.cache, state.requests
    end = -(-stored_tokens // size)
    full = known_tokens // size if world.limits.prefix_caching[instance] else 0
    full = max(full, requests.registered_blocks[request])  # a step that met no other gave its block the key at once
    if world.settings.keyless_freed_first and end > full:
        prepend_keyless(cache, instance, end - full)
        instances.used_blocks[instance] -= end - full
        end = full
    held = max(requests.registered_blocks[request], requests.detached_blocks[request])
    if world.settings.n_tiers > 0 and end > held:
        note_unshared(world, state, instance, request, held, end)
    above = -1
    if end > held and world.settings.evicts_oldest:
        append_keyless(cache, instance, end - held)
        instances.used_blocks[instance] -= end - held
    elif end > held:
        above = keep_unshared(world, state, instance, request, held, end)
    piece = requests.last_piece[request]
    while piece >= 0:
        above = give_back_piece(world, state, instance, request, piece, above)
        below = cache.pieces.below[piece]
        cache.pieces.below[piece] = cache.counters[PIECE_RECYCLED]
        cache.counters[PIECE_RECYCLED] = piece
        piece = below
    requests.last_piece[request] = -1


@kernel
def give_back_piece(world: World, state: State, instance: int, request: int, piece: int, above: int) -> int:
    """Give back the blocks of a piece, the last one first, and return the run that begins it."""
    cache = state.cache
    run, first = cache.pieces.run[piece], cache.pieces.first[piece]
    if run == _KEYLESS_COPY:
        append_keyless(cache, instance, 1)
        state.instances.used_blocks[instance] -= 1
        return above
    while True:
        run_first, below = cache.runs.first[run], cache.runs.lower[run]
        if world.settings.evicts_oldest:
            give_back(state, instance, run)
        else:
            above = give_back_ranked(world, state, instance, request, run, above)
        if run_first == first:
            return above
        run = below
