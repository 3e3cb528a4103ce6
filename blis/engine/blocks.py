"""KV blocks: take, share a prefix, evict, release; and the index that finds a key's block.

Blocks that no other request can ever find are interchangeable, so they are only counted; a block has a node
while its key can be looked up. New blocks come from the front of an instance's free list, freed ones go to
its end, or to its front if they have no key. Blocks of one content form a chain from the oldest to the
youngest, and the index names the oldest.
"""

from blis.engine._jit import cached_kernel, kernel
from blis.engine.fields import Records
from blis.engine.state import INDEXED, NODE_RECYCLED, NODES_MADE, BlockStore, SeenCache

_MULTIPLIER = 0x9E3779B1  # 2**32 over the golden ratio, made odd
_LOW_BITS = 2**31 - 1


@kernel
def _home(identity: int, mask: int) -> int:
    """Preferred slot of an identity: multiplicative hashing (Knuth, vol. 3, section 6.4), kept below 2**63."""
    return (((identity ^ (identity >> 31)) & _LOW_BITS) * _MULTIPLIER >> 20) & mask


@kernel
def find(store: BlockStore, identity: int) -> int:
    """Node that the index names for `identity`; -1 if none."""
    mask = store.slots.slot_id.shape[0] - 1
    slot = _home(identity, mask)
    while True:
        found = store.slots.slot_id[slot]
        if found == identity + 1:
            return store.slots.slot_node[slot]
        if found == 0:
            return -1
        slot = (slot + 1) & mask


@kernel
def set_index(store: BlockStore, identity: int, node: int) -> None:
    """Let the index name `node` for `identity`."""
    mask = store.slots.slot_id.shape[0] - 1
    slot = _home(identity, mask)
    while store.slots.slot_id[slot] != 0 and store.slots.slot_id[slot] != identity + 1:
        slot = (slot + 1) & mask
    if store.slots.slot_id[slot] == 0:
        store.counters[INDEXED] += 1
        store.slots.slot_id[slot] = identity + 1
    store.slots.slot_node[slot] = node


@kernel
def forget(store: BlockStore, identity: int) -> None:
    """Remove `identity` from the index, if it is there, and close the gap (Knuth, vol. 3, algorithm 6.4R)."""
    mask = store.slots.slot_id.shape[0] - 1
    slot = _home(identity, mask)
    while store.slots.slot_id[slot] != identity + 1:
        if store.slots.slot_id[slot] == 0:
            return
        slot = (slot + 1) & mask
    store.counters[INDEXED] -= 1
    gap = slot
    while True:
        slot = (slot + 1) & mask
        moved = store.slots.slot_id[slot]
        if moved == 0:
            break
        home = _home(moved - 1, mask)
        if ((slot - home) & mask) >= ((slot - gap) & mask):
            store.slots.slot_id[gap] = moved
            store.slots.slot_node[gap] = store.slots.slot_node[slot]
            gap = slot
    store.slots.slot_id[gap] = 0


@kernel
def new_node(store: BlockStore, identity: int) -> int:
    """A node outside every list; the caller has made sure that there is room."""
    node = store.counters[NODE_RECYCLED]
    if node >= 0:
        store.counters[NODE_RECYCLED] = store.nodes.next[node]
    else:
        node = store.counters[NODES_MADE]
        store.counters[NODES_MADE] += 1
    store.nodes.node_id[node] = identity
    store.nodes.references[node] = 0
    store.nodes.is_current[node] = 1
    store.nodes.next_copy[node] = -1
    store.nodes.previous_copy[node] = node
    store.nodes.run[node] = 0
    return node


@kernel
def recycle(store: BlockStore, node: int) -> None:
    """Give back a node that is outside every list."""
    store.nodes.next[node] = store.counters[NODE_RECYCLED]
    store.counters[NODE_RECYCLED] = node


@kernel
def append(store: BlockStore, head: int, node: int) -> None:
    """Put a node at the new end of the list of `head`."""
    last = store.nodes.previous[head]
    store.nodes.next[last] = node
    store.nodes.previous[node] = last
    store.nodes.next[node] = head
    store.nodes.previous[head] = node
    store.nodes.run[node] = 0


@kernel
def append_run(store: BlockStore, head: int, count: int) -> None:
    """Put `count` keyless blocks at the new end of the list of `head`."""
    store.nodes.run[store.nodes.previous[head]] += count


@kernel
def prepend_run(store: BlockStore, head: int, count: int) -> None:
    """Put `count` keyless blocks at the old end of the list of `head`: they are the next to be taken."""
    store.nodes.run[head] += count


@kernel
def _append_copy(store: BlockStore, first: int, node: int) -> None:
    """Put a node at the young end of the chain of copies that begins with `first`."""
    youngest = store.nodes.previous_copy[first]
    store.nodes.next_copy[youngest] = node
    store.nodes.previous_copy[node] = youngest
    store.nodes.previous_copy[first] = node
    store.nodes.is_current[node] = 0


@kernel
def _remove_copy(store: BlockStore, first: int, node: int) -> int:
    """Take a node out of the chain that begins with `first`; return what it begins with now, -1 if it is empty."""
    before, after = store.nodes.previous_copy[node], store.nodes.next_copy[node]
    if node == first:
        if after >= 0:
            store.nodes.previous_copy[after] = before
            store.nodes.is_current[after] = 1
        return after
    store.nodes.next_copy[before] = after
    store.nodes.previous_copy[after if after >= 0 else first] = before
    return first


@kernel
def unlink(store: BlockStore, node: int) -> None:
    """Take a node out of its list; the keyless blocks behind it stay where they are."""
    before, after = store.nodes.previous[node], store.nodes.next[node]
    store.nodes.next[before] = after
    store.nodes.previous[after] = before
    store.nodes.run[before] += store.nodes.run[node]
    store.nodes.run[node] = 0


@kernel
def note_change(settings: Records, seen: SeenCache, identity: int, was_present: bool) -> None:
    """Remember what the router saw of a key before its first change since the last reading."""
    if settings.cache_signal_delay_us == 0 or identity >= settings.n_keys * settings.n_instances:
        return
    mask = seen.slots.slot_id.shape[0] - 1
    generation = seen.counters[0]
    slot = _home(identity, mask)
    while seen.slots.slot_id[slot] != 0 and (seen.slots.slot_seen[slot] >> 1) == generation:
        if seen.slots.slot_id[slot] == identity + 1:
            return
        slot = (slot + 1) & mask
    seen.counters[1] += 1
    seen.slots.slot_id[slot] = identity + 1
    seen.slots.slot_seen[slot] = 2 * generation + (1 if was_present else 0)


@kernel
def is_seen(settings: Records, cache: BlockStore, seen: SeenCache, identity: int) -> bool:
    """Whether the router believes a key to be cached: as at its last reading, live without a delay."""
    if settings.cache_signal_delay_us > 0:
        mask = seen.slots.slot_id.shape[0] - 1
        slot = _home(identity, mask)
        while seen.slots.slot_id[slot] != 0 and (seen.slots.slot_seen[slot] >> 1) == seen.counters[0]:
            if seen.slots.slot_id[slot] == identity + 1:
                return (seen.slots.slot_seen[slot] & 1) == 1
            slot = (slot + 1) & mask
    return find(cache, identity) >= 0


@kernel
def _evict_oldest(settings: Records, instances: Records, cache: BlockStore, seen: SeenCache, instance: int) -> None:
    """Take the oldest keyed free block for other content: its key is gone."""
    node = cache.nodes.next[instance]
    identity = cache.nodes.node_id[node]
    unlink(cache, node)
    named = find(cache, identity)
    if settings.copies_findable:
        first = _remove_copy(cache, named, node)
        if first < 0:
            forget(cache, identity)
            note_change(settings, seen, identity, True)
        elif first != named:
            set_index(cache, identity, first)
        recycle(cache, node)
        return
    if cache.nodes.is_current[node] == 0:
        instances.stale_blocks[instance] -= 1
    if named >= 0:
        # Under the reference semantics the key is forgotten even where it names a later copy, which then is
        # stale.
        if named != node:
            cache.nodes.is_current[named] = 0
            instances.stale_blocks[instance] += 1
        forget(cache, identity)
        note_change(settings, seen, identity, True)
    recycle(cache, node)


@kernel
def take_blocks(
    settings: Records, instances: Records, cache: BlockStore, seen: SeenCache, instance: int, count: int
) -> None:
    """Take `count` free blocks from the front of the list; the caller has checked that there are so many."""
    instances.used_blocks[instance] += count
    instances.cache_misses[instance] += count
    while count > 0:
        available = cache.nodes.run[instance]
        if available >= count:
            cache.nodes.run[instance] = available - count
            break
        count -= available + 1
        cache.nodes.run[instance] = 0
        _evict_oldest(settings, instances, cache, seen, instance)


@kernel
def claim(instances: Records, cache: BlockStore, instance: int, node: int) -> None:
    """Let one more request hold a cached block; a free one leaves the free list."""
    if cache.nodes.references[node] == 0:
        unlink(cache, node)
        instances.used_blocks[instance] += 1
    cache.nodes.references[node] += 1


@kernel
def give_back(instances: Records, cache: BlockStore, instance: int, node: int) -> None:
    """Let one request fewer hold a block; the last one frees it."""
    cache.nodes.references[node] -= 1
    if cache.nodes.references[node] == 0:
        append(cache, instance, node)
        instances.used_blocks[instance] -= 1


@kernel
def register(settings: Records, instances: Records, cache: BlockStore, seen: SeenCache, instance: int, key: int) -> int:
    """Give the block just filled its key; return its node, or -1 where an earlier copy is the only one to be found."""
    identity = key * settings.n_instances + instance
    named = find(cache, identity)
    if named >= 0 and settings.copies_findable:
        node = new_node(cache, identity)
        cache.nodes.references[node] = 1
        _append_copy(cache, named, node)
        return node
    if named >= 0:
        if settings.first_copy_stays:
            return -1
        cache.nodes.is_current[named] = 0
        instances.stale_blocks[instance] += 1
    else:
        note_change(settings, seen, identity, False)
    node = new_node(cache, identity)
    cache.nodes.references[node] = 1
    set_index(cache, identity, node)
    return node


@kernel
def has_room(store: BlockStore, nodes: int) -> bool:
    """Whether `nodes` more nodes and index entries fit; recycled nodes are not counted on."""
    return (
        store.counters[NODES_MADE] + nodes <= store.nodes.node_id.shape[0]
        and 2 * (store.counters[INDEXED] + nodes) <= store.slots.slot_id.shape[0]
    )


@cached_kernel
def rehash(store: BlockStore, former: Records) -> None:
    """Enter every slot of a former index into the present, larger one."""
    for slot in range(former.shape[0]):
        if former.slot_id[slot] != 0:
            set_index(store, former.slot_id[slot] - 1, former.slot_node[slot])


@cached_kernel
def reenter(seen: SeenCache, former: SeenCache) -> None:
    """Enter what is known of this generation's changes into a larger, empty table."""
    mask = seen.slots.slot_id.shape[0] - 1
    for place in range(former.slots.slot_id.shape[0]):
        if former.slots.slot_id[place] == 0 or (former.slots.slot_seen[place] >> 1) != seen.counters[0]:
            continue
        slot = _home(former.slots.slot_id[place] - 1, mask)
        while seen.slots.slot_id[slot] != 0:
            slot = (slot + 1) & mask
        seen.slots.slot_id[slot] = former.slots.slot_id[place]
        seen.slots.slot_seen[slot] = former.slots.slot_seen[place]
        seen.counters[1] += 1
