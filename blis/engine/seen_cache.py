"""What the router saw of the prefix caches when it last read them, where it reads them at intervals.

Of each segment and instance it matters how far its blocks are there from the segment's first one on. That is written
down before the first change since the last reading; what has not changed is read where it lies.
"""

from blis.engine._jit import cached_kernel, kernel
from blis.engine.block_index import home
from blis.engine.block_runs import covered_end
from blis.engine.state import SeenCache, State
from blis.engine.views import World


@kernel
def note_change(world: World, state: State, identity: int) -> None:
    """Remember what the router saw of a segment before its first change since the last reading."""
    segment = identity // world.settings.n_instances
    if world.settings.cache_signal_delay_us == 0 or segment >= world.settings.n_segments:
        return
    seen = state.seen
    mask = seen.slots.slot_id.shape[0] - 1
    generation = seen.counters[0]
    slot = home(identity, mask)
    while seen.slots.slot_id[slot] != 0 and seen.slots.slot_generation[slot] == generation:
        if seen.slots.slot_id[slot] == identity + 1:
            return
        slot = (slot + 1) & mask
    seen.counters[1] += 1
    seen.slots.slot_id[slot] = identity + 1
    seen.slots.slot_generation[slot] = generation
    first, end = world.workload.segment_first[segment], world.workload.segment_end[segment]
    seen.slots.slot_end[slot] = covered_end(state.cache, identity, first, end)


@kernel
def seen_end(world: World, state: State, segment: int, instance: int) -> int:
    """First place of a segment whose block the router does not believe to be cached, or the segment's end."""
    identity = segment * world.settings.n_instances + instance
    if world.settings.cache_signal_delay_us > 0:
        seen = state.seen
        mask = seen.slots.slot_id.shape[0] - 1
        slot = home(identity, mask)
        while seen.slots.slot_id[slot] != 0 and seen.slots.slot_generation[slot] == seen.counters[0]:
            if seen.slots.slot_id[slot] == identity + 1:
                return seen.slots.slot_end[slot]
            slot = (slot + 1) & mask
    first, end = world.workload.segment_first[segment], world.workload.segment_end[segment]
    return covered_end(state.cache, identity, first, end)


@cached_kernel
def reenter(seen: SeenCache, former: SeenCache) -> None:
    """Enter what is known of this generation's changes into a larger, empty table."""
    mask = seen.slots.slot_id.shape[0] - 1
    for place in range(former.slots.slot_id.shape[0]):
        if former.slots.slot_id[place] == 0 or former.slots.slot_generation[place] != seen.counters[0]:
            continue
        slot = home(former.slots.slot_id[place] - 1, mask)
        while seen.slots.slot_id[slot] != 0:
            slot = (slot + 1) & mask
        seen.slots.slot_id[slot] = former.slots.slot_id[place]
        seen.slots.slot_generation[slot] = former.slots.slot_generation[place]
        seen.slots.slot_end[slot] = former.slots.slot_end[place]
        seen.counters[1] += 1
