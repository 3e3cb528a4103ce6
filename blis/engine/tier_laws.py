"""Laws of the tiers: no block is lost between them, none lies in more places than it may."""

import numpy as np

from blis.engine.codes import NEVER_US
from blis.engine.records import Records
from blis.engine.state import State
from blis.engine.tier_store import GHOST_ONCE, N_LISTS
from blis.foundation.errors import LawBrokenError

_Places = set[tuple[int, int]]


def _require(law: str, device: int, expected: int, got: int) -> None:
    if expected != got:
        raise LawBrokenError(f"{law}: device {device} must have {expected}; got {got}.")


def check_tier_laws(settings: Records, state: State) -> None:
    """Check that what was written is there or has left, that no device is too full, and that exclusive places are so.

    Raises
    ------
    LawBrokenError
        If one is broken; the message names the law, the device and both numbers.
    """
    devices, m = state.tiers.devices, len(state.instances)
    held: list[_Places] = [set() for _ in range(len(devices))]
    for device in range(len(devices)):
        one = devices[device]
        if one.owner != device:
            continue
        lengths = [_check_list(state, device, queue, held[device]) for queue in range(N_LISTS)]
        here = sum(length for length, _ in lengths[:GHOST_ONCE])
        unshared = sum(count for _, count in lengths[:GHOST_ONCE])
        _require("blocks of the lists are counted", device, here, int(one.blocks))
        _require("no block lies on a device twice", device, here - unshared, len(held[device]))
        left = int(one.evicted_blocks + one.removed_blocks + one.forgotten_blocks)
        _require("written blocks are there or have left", device, int(one.written_blocks) - left, here)
        _require("a device holds no more than it can", device, 0, max(0, here - int(one.capacity_blocks)))
    if settings.tiers_exclusive:
        for instance in range(m):
            own = [d for d in range(instance, len(devices), m) if not (settings.shares_tier and d >= len(devices) - m)]
            places = [_on_gpu(state, instance), *(held[device] for device in own)]
            together: _Places = set().union(*places)
            _require("a block lies in one place", instance, len(together), sum(map(len, places)))


def _check_list(state: State, device: int, queue: int, held: _Places) -> tuple[int, int]:
    """The blocks of a device's list, and those of them that have no keys; the others, if there, are added to `held`."""
    runs, head = state.tier_store.runs, N_LISTS * device + queue
    run, length = int(runs.next[head]), int(runs.keyless_after[head])
    unshared = length
    while run != head:
        first, end = int(runs.first[run]), int(runs.end[run])
        length += end - first + int(runs.keyless_after[run])
        unshared += int(runs.keyless_after[run])
        segment = int(runs.identity[run]) // 2 // len(state.tiers.devices)
        if queue < GHOST_ONCE:
            held.update((segment, place) for place in range(first, end))
        _require("a run knows its list", device, queue, int(state.tiers.runs.queue[run]))
        _require("a written block is written some time", device, 1, int(state.tiers.runs.ready_us[run] < NEVER_US))
        run = int(runs.next[run])
    _require("a list knows its length", device, length, int(runs.references[head]))
    return length, unshared


def _on_gpu(state: State, instance: int) -> _Places:
    """Blocks with keys on an instance's GPUs, of which there may be copies."""
    m, slots, runs = len(state.instances), state.cache.slots, state.cache.runs
    held: _Places = set()
    for slot in np.flatnonzero(slots.slot_id):
        identity, run = int(slots.slot_id[slot]) - 1, int(slots.slot_run[slot])
        while identity % m == instance and run >= 0:
            held.update((identity // m, place) for place in range(int(runs.first[run]), int(runs.end[run])))
            run = int(runs.next_copy[run])
    return held
