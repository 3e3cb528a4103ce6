"""How often blocks have been used of late on an instance, evicted or not: a count-min sketch that forgets.

Four rows of small counters; a run of blocks has one counter in each, and its frequency is the least of them. Only the
smallest of the four grow, no counter passes 15, and after ten uses of as many blocks as the instance has, all are
halved. Source: Einziger, Friedman and Manes, "TinyLFU: a highly efficient cache admission policy", ACM Transactions on
Storage 13(4), 2017. Differs in that a run is counted once for all of its blocks, which are used together.
"""

import numpy as np

from blis.engine._jit import kernel
from blis.engine.choice import mixed
from blis.engine.queues import queue_place
from blis.engine.state import SKETCH_ROWS, State
from blis.engine.views import World

_MOST = 15
_USES_PER_BLOCK = 10
_LOW_32_BITS = 0xFFFFFFFF
_ROW_STEP = 0x9E3779B1  # 2**32 over the golden ratio, made odd


@kernel
def frequency_of(world: World, state: State, instance: int, identity: int) -> int:
    """Uses of a segment's blocks, 15 at most; of blocks that nobody shares, the one that they have had."""
    if identity < 0:
        return 1
    least = _MOST
    for row in range(SKETCH_ROWS):
        least = min(least, int(state.kept.frequencies[_counter(world, state, instance, row, identity)]))
    return least


@kernel
def count_use(world: World, state: State, instance: int, identity: int, blocks: int) -> None:
    """Note that a request used a run of so many blocks."""
    counters, queues, place = state.kept.frequencies, state.kept.queues, queue_place(instance, 0)
    if identity >= 0:
        least = frequency_of(world, state, instance, identity)
        for row in range(SKETCH_ROWS):
            counter = _counter(world, state, instance, row, identity)
            if counters[counter] == least and least < _MOST:
                counters[counter] += np.uint8(1)
    queues.sampled_blocks[place] += blocks
    if queues.sampled_blocks[place] >= _USES_PER_BLOCK * world.limits.total_blocks[instance]:
        queues.sampled_blocks[place] //= 2
        first, end = instance * SKETCH_ROWS * _width(world, state), (instance + 1) * SKETCH_ROWS * _width(world, state)
        for counter in range(first, end):
            counters[counter] //= np.uint8(2)


@kernel
def _width(world: World, state: State) -> int:
    return state.kept.frequencies.shape[0] // (SKETCH_ROWS * world.settings.n_instances)


@kernel
def _counter(world: World, state: State, instance: int, row: int, identity: int) -> int:
    width = _width(world, state)
    word = (identity ^ (identity >> 32)) & _LOW_32_BITS
    column = mixed(word ^ ((row + 1) * _ROW_STEP & _LOW_32_BITS)) & (width - 1)
    return (instance * SKETCH_ROWS + row) * width + column
