"""Where the blocks of a segment lie on an instance: a hash table from (segment, instance) to the oldest run there."""

from blis.engine._jit import cached_kernel, kernel
from blis.engine.records import Records
from blis.engine.state import INDEXED, RUNS_MADE, BlockStore

_MULTIPLIER = 0x9E3779B1  # 2**32 over the golden ratio, made odd
_LOW_BITS = 2**31 - 1


@kernel
def home(identity: int, mask: int) -> int:
    """Preferred slot of an identity: multiplicative hashing (Knuth, vol. 3, section 6.4), kept below 2**63."""
    return (((identity ^ (identity >> 31)) & _LOW_BITS) * _MULTIPLIER >> 20) & mask


@kernel
def find(store: BlockStore, identity: int) -> int:
    """Run that the index names for `identity`; -1 if none."""
    mask = store.slots.slot_id.shape[0] - 1
    slot = home(identity, mask)
    while True:
        found = store.slots.slot_id[slot]
        if found == identity + 1:
            return store.slots.slot_run[slot]
        if found == 0:
            return -1
        slot = (slot + 1) & mask


@kernel
def set_index(store: BlockStore, identity: int, run: int) -> None:
    """Let the index name `run` for `identity`."""
    mask = store.slots.slot_id.shape[0] - 1
    slot = home(identity, mask)
    while store.slots.slot_id[slot] != 0 and store.slots.slot_id[slot] != identity + 1:
        slot = (slot + 1) & mask
    if store.slots.slot_id[slot] == 0:
        store.counters[INDEXED] += 1
        store.slots.slot_id[slot] = identity + 1
    store.slots.slot_run[slot] = run


@kernel
def forget(store: BlockStore, identity: int) -> None:
    """Remove `identity` from the index, if it is there, and close the gap (Knuth, vol. 3, algorithm 6.4R)."""
    mask = store.slots.slot_id.shape[0] - 1
    slot = home(identity, mask)
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
        preferred = home(moved - 1, mask)
        if ((slot - preferred) & mask) >= ((slot - gap) & mask):
            store.slots.slot_id[gap] = moved
            store.slots.slot_run[gap] = store.slots.slot_run[slot]
            gap = slot
    store.slots.slot_id[gap] = 0


@kernel
def has_room(store: BlockStore, runs: int) -> bool:
    """Whether `runs` more runs and index entries fit; recycled runs are not counted on."""
    return (
        store.counters[RUNS_MADE] + runs <= store.runs.identity.shape[0]
        and 2 * (store.counters[INDEXED] + runs) <= store.slots.slot_id.shape[0]
    )


@cached_kernel
def rehash(store: BlockStore, former: Records) -> None:
    """Enter every slot of a former index into the present, larger one."""
    for slot in range(former.shape[0]):
        if former.slot_id[slot] != 0:
            set_index(store, former.slot_id[slot] - 1, former.slot_run[slot])
