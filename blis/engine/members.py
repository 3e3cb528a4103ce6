"""What happens to one member of a batch: its blocks, its way into and out of decoding, its end."""

from blis.engine._jit import kernel
from blis.engine.blocks import append_run, claim, find, give_back, register, take_blocks
from blis.engine.codes import COMPLETED, NEVER_US, QUEUED
from blis.engine.feedback import release_followers
from blis.engine.heap import push_finish, remove_finish
from blis.engine.state import NEXT_OWN_KEY, OWN_PLACES, State
from blis.engine.views import World
from blis.engine.waiting import enqueue


@kernel
def shared_blocks(world: World, request: int) -> int:
    """Leading blocks of the request's whole sequence whose keys other requests share."""
    return world.workload.key_offsets[request + 1] - world.workload.key_offsets[request]


@kernel
def keyed_blocks(world: World, state: State, request: int) -> int:
    """Leading blocks that get a key when they fill."""
    if state.requests.detached_blocks[request] > 0:
        return 0
    shared = shared_blocks(world, request)
    if state.requests.own_key[request] >= 0:
        return max(shared, world.workload.table.prompt_blocks[request])
    return shared


@kernel
def key_of(world: World, state: State, request: int, block: int) -> int:
    """Key of a block below `keyed_blocks`."""
    shared = shared_blocks(world, request)
    if block < shared:
        return world.workload.keys[world.workload.key_offsets[request] + block]
    return state.requests.own_key[request] + block - shared


@kernel
def _held(world: World, state: State, request: int, block: int) -> int:
    shared = shared_blocks(world, request)
    if block < shared:
        return state.cache.held[world.workload.key_offsets[request] + block]
    return state.cache.own_held[state.requests.own_key[request] - world.settings.n_keys + block - shared]


@kernel
def _set_held(world: World, state: State, request: int, block: int, node: int) -> None:
    shared = shared_blocks(world, request)
    if block < shared:
        state.cache.held[world.workload.key_offsets[request] + block] = node
    else:
        place = state.requests.own_key[request] - world.settings.n_keys + block - shared
        state.cache.own_held[place] = node


@kernel
def cached_prefix(world: World, state: State, instance: int, request: int) -> tuple[int, int]:
    """Leading prompt blocks found in the instance's cache, and how many of them are free; their nodes go to scratch."""
    n_instances = world.settings.n_instances
    shared = shared_blocks(world, request)
    whole = world.workload.table.prompt_blocks[request]
    last = whole if state.requests.own_key[request] >= 0 else min(shared, whole)
    found = 0
    free = 0
    while found < last:
        node = find(state.cache, key_of(world, state, request, found) * n_instances + instance)
        if node < 0:
            break
        state.scratch.hits[found] = node
        if state.cache.nodes.references[node] == 0:
            free += 1
        found += 1
    return found, free


@kernel
def claim_prefix(world: World, state: State, instance: int, request: int, count: int) -> None:
    """Hold the first `count` blocks that `cached_prefix` found."""
    for block in range(count):
        node = state.scratch.hits[block]
        claim(state.instances, state.cache, instance, node)
        _set_held(world, state, request, block, node)
    state.instances.cache_hits[instance] += count
    state.instances.cache_hit_tokens[instance] += count * world.settings.block_size_tokens


@kernel
def fill_block(world: World, state: State, instance: int, request: int, block: int) -> None:
    """A keyed block has just become full."""
    key = key_of(world, state, request, block)
    node = register(world.settings, state.instances, state.cache, state.seen, instance, key)
    _set_held(world, state, request, block, node)


@kernel
def store_tokens(world: World, state: State, instance: int, request: int, start: int, end: int) -> None:
    """Put the tokens of positions [start, end) into the cache: take blocks, and give full ones their keys, in order."""
    settings = world.settings
    size = settings.block_size_tokens
    keyed = keyed_blocks(world, state, request)
    block = start // size
    last = -(-end // size)
    if start % size != 0:
        if block < keyed and (block + 1) * size <= end:
            fill_block(world, state, instance, request, block)
        block += 1
    while block < last and block < keyed:
        take_blocks(settings, state.instances, state.cache, state.seen, instance, 1)
        if (block + 1) * size <= end:
            fill_block(world, state, instance, request, block)
        block += 1
    if block < last:
        take_blocks(settings, state.instances, state.cache, state.seen, instance, last - block)


@kernel
def release(world: World, state: State, instance: int, request: int, stored_tokens: int) -> None:
    """Give back all blocks of a request that stores so many tokens, the last block first."""
    size = world.settings.block_size_tokens
    instances, cache = state.instances, state.cache
    first = state.requests.detached_blocks[request]
    end = -(-stored_tokens // size)
    keyed = min(keyed_blocks(world, state, request), stored_tokens // size)
    if end > max(keyed, first):
        count = end - max(keyed, first)
        append_run(cache, instance, count)
        instances.used_blocks[instance] -= count
    for block in range(keyed - 1, first - 1, -1):
        node = _held(world, state, request, block)
        if node >= 0:
            give_back(instances, cache, instance, node)
        else:
            append_run(cache, instance, 1)
            instances.used_blocks[instance] -= 1


@kernel
def decode_position(state: State, instance: int, request: int) -> int:
    """Tokens that a decoding request holds before the step whose number is current."""
    return state.instances.step_number[instance] + state.requests.decode_base[request]


@kernel
def _first_unfilled_key(world: World, state: State, request: int, position: int) -> bool:
    return keyed_blocks(world, state, request) > position // world.settings.block_size_tokens


@kernel
def link_phases(world: World, state: State, instance: int, request: int) -> None:
    """Note in which steps a decoding request needs a block, and in which its keyed block becomes full."""
    size = world.settings.block_size_tokens
    base = state.requests.decode_base[request]
    state.batches.crossing[instance, (-base) % size] += 1
    position = state.instances.step_number[instance] + 1 + base
    if _first_unfilled_key(world, state, request, position):
        phase = (size - 1 - base) % size
        head = state.batches.fill_head[instance, phase]
        state.requests.fill_next[request] = head
        state.requests.fill_previous[request] = -2 - phase
        if head >= 0:
            state.requests.fill_previous[head] = request
        state.batches.fill_head[instance, phase] = request


@kernel
def unlink_fill(state: State, instance: int, request: int) -> None:
    """Stop watching for full blocks of a request; nothing happens if nobody watches."""
    requests = state.requests
    before, after = requests.fill_previous[request], requests.fill_next[request]
    if before == -1:
        return
    if before <= -2:
        state.batches.fill_head[instance, -2 - before] = after
    else:
        requests.fill_next[before] = after
    if after >= 0:
        requests.fill_previous[after] = before
    requests.fill_previous[request] = -1
    requests.fill_next[request] = -1


@kernel
def unlink_phases(world: World, state: State, instance: int, request: int) -> None:
    """Undo `link_phases`."""
    base = state.requests.decode_base[request]
    state.batches.crossing[instance, (-base) % world.settings.block_size_tokens] -= 1
    unlink_fill(state, instance, request)


@kernel
def begin_decode(world: World, state: State, instance: int, request: int) -> None:
    """The present step finished the prompt: decoding starts in the next one, and its end is known."""
    requests, instances = state.requests, state.instances
    prompt = world.workload.table.input_tokens[request]
    number = instances.step_number[instance]
    requests.decode_base[request] = prompt - number - 1
    requests.finish_step[request] = number + world.workload.table.output_tokens[request] - 1
    count = instances.decode_requests[instance]
    push_finish(
        state.batches.finish_step[instance], state.batches.finish_request[instance], count,
        requests.finish_step[request], request,
    )  # fmt: skip
    instances.decode_requests[instance] = count + 1
    instances.decode_context_tokens[instance] += prompt
    if requests.batch_rank[request] > instances.last_decode_rank[instance]:
        instances.last_decode_rank[instance] = requests.batch_rank[request]
    link_phases(world, state, instance, request)


@kernel
def first_decode_step(world: World, state: State, request: int) -> int:
    """Number of the step in which the request decoded, or will decode, for the first time."""
    return state.requests.finish_step[request] - world.workload.table.output_tokens[request] + 2


@kernel
def remove_from_batch(state: State, instance: int, request: int) -> None:
    """Take a request out of the batch's order, found by its rank."""
    batch = state.batches.members[instance]
    size = state.instances.running_requests[instance]
    low, high = 0, size - 1
    rank = state.requests.batch_rank[request]
    while low < high:
        middle = (low + high) >> 1
        if state.requests.batch_rank[batch[middle]] < rank:
            low = middle + 1
        else:
            high = middle
    for place in range(low, size - 1):
        batch[place] = batch[place + 1]
    state.instances.running_requests[instance] = size - 1


@kernel
def complete(world: World, state: State, instance: int, request: int, stored_tokens: int, step_end_us: int) -> None:
    """The request has produced its last token in the present step: store it, free everything, note the times."""
    requests, instances, settings = state.requests, state.instances, world.settings
    outputs = world.workload.table.output_tokens[request]
    size = settings.block_size_tokens
    if outputs > 0:
        if stored_tokens % size != 0 or instances.used_blocks[instance] < world.limits.total_blocks[instance]:
            store_tokens(world, state, instance, request, stored_tokens, stored_tokens + 1)
            stored_tokens += 1
        else:
            instances.allocation_failures[instance] += 1
    release(world, state, instance, request, stored_tokens)
    requests.stored_tokens[request] = stored_tokens
    end_us = requests.first_token_us[request]
    if outputs > 1:
        end_us += instances.step_clock_us[instance] - requests.clock_mark_us[request]
        end_us += (outputs - 1) * world.limits.output_token_us[instance]
    if outputs > 0:
        end_us += world.limits.completion_us[instance]
    requests.finished_us[request] = end_us
    requests.status[request] = COMPLETED
    remove_from_batch(state, instance, request)
    instances.in_flight_requests[instance] -= 1
    instances.completed_requests[instance] += 1
    instances.completed_tokens[instance] += outputs
    if world.settings.lookahead_us != NEVER_US:
        # Where time left out by the budget does not count, the end lies before what has happened since.
        release_followers(world, state, request, max(end_us, step_end_us))
    instances.idle_preemptions[instance] = 0
    if step_end_us <= settings.horizon_us:
        instances.clock_us[instance] = max(instances.clock_us[instance], step_end_us)


@kernel
def own_blocks(world: World, request: int) -> int:
    """Prompt blocks that no other request shares: each needs a key of its own once the request is preempted."""
    whole = world.workload.table.prompt_blocks[request]
    return max(0, whole - shared_blocks(world, request))


@kernel
def _key_own_blocks(world: World, state: State, instance: int, request: int) -> None:
    """A first preemption makes the request's own blocks worth finding: its next life may meet them again."""
    requests, cache = state.requests, state.cache
    count = own_blocks(world, request)
    if requests.own_key[request] >= 0 or count == 0 or requests.detached_blocks[request] > 0:
        return
    requests.own_key[request] = cache.counters[NEXT_OWN_KEY]
    cache.counters[NEXT_OWN_KEY] += count
    cache.counters[OWN_PLACES] += count
    shared = shared_blocks(world, request)
    full = requests.stored_tokens[request] // world.settings.block_size_tokens
    for block in range(shared, min(full, shared + count)):
        fill_block(world, state, instance, request, block)


@kernel
def preempt(world: World, state: State, instance: int, request: int) -> None:
    """Send a running request back to the front of the queue; it loses all its work."""
    requests, instances, log = state.requests, state.instances, state.log
    prompt = world.workload.table.input_tokens[request]
    stored = requests.stored_tokens[request]
    if stored >= prompt:
        first = first_decode_step(world, state, request)
        last = instances.step_number[instance] - 1
        if world.settings.record_steps and last >= first:
            entry = log.counters[1]
            log.lost.instance[entry] = instance
            log.lost.first[entry] = first
            log.lost.last[entry] = last
            log.counters[1] = entry + 1
        if requests.left_out_us[request] > 0:
            if last < first:
                instances.left_out_requests[instance] -= 1
            requests.left_out_us[request] = 0
        unlink_phases(world, state, instance, request)
        count = instances.decode_requests[instance]
        remove_finish(state.batches.finish_step[instance], state.batches.finish_request[instance], count, request)
        instances.decode_requests[instance] = count - 1
        stored = decode_position(state, instance, request)
        instances.decode_context_tokens[instance] -= stored
    else:
        _remove_prefilling(state, instance, request)
    _key_own_blocks(world, state, instance, request)
    release(world, state, instance, request, stored)
    remove_from_batch(state, instance, request)
    requests.stored_tokens[request] = 0
    requests.detached_blocks[request] = 0
    requests.preemptions[request] += 1
    requests.status[request] = QUEUED
    instances.preemptions[instance] += 1
    instances.idle_preemptions[instance] += 1
    enqueue(world, state, instance, request, True)


@kernel
def _remove_prefilling(state: State, instance: int, request: int) -> None:
    members = state.batches.prefilling[instance]
    count = state.instances.prefilling_requests[instance]
    place = 0
    while members[place] != request:
        place += 1
    for later in range(place, count - 1):
        members[later] = members[later + 1]
    state.instances.prefilling_requests[instance] = count - 1
