"""Which blocks have come into the prefix caches of a simulation, and which have left, since somebody last asked."""

from typing import NamedTuple

import numpy as np

from blis.foundation.units import BoolVector, Int64Vector
from blis.serving.engine import Engine


class Changes(NamedTuple):
    """Of one instance."""

    stored: tuple[tuple[int, ...], ...]  #: numbers of blocks that follow one another, each with the one before it
    removed: tuple[int, ...]


class CacheChanges:
    """Compares what can be found now with what could be found then."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        m = len(engine.simulation.limits)
        self._held: list[BoolVector] = [np.zeros(0, np.bool_) for _ in range(m)]
        self._counted = -1

    def look(self) -> list[Changes]:
        """The changes of each instance; an empty list if nothing can have changed."""
        state = self._engine.simulation.state
        counted = int(state.instances.cache_misses.sum() + state.instances.step_number.sum())
        if counted == self._counted:
            return []
        self._counted = counted
        slots = state.cache.slots.slot_id
        identities = slots[slots != 0] - 1
        m = len(self._held)
        return [self._changes(place, identities[identities % m == place] // m) for place in range(m)]

    def _changes(self, instance: int, numbers: Int64Vector) -> Changes:
        held = np.zeros(len(self._engine.blocks), np.bool_)
        held[numbers] = True
        before = np.zeros(len(held), np.bool_)
        before[: len(self._held[instance])] = self._held[instance]
        self._held[instance] = held
        stored, removed = np.flatnonzero(held & ~before), np.flatnonzero(before & ~held)
        return Changes(self._chains(stored.tolist()), tuple(removed.tolist()))

    def _chains(self, numbers: list[int]) -> tuple[tuple[int, ...], ...]:
        """Blocks in runs: a block's number is above that of the block before it, so sorted ones are in order."""
        chains: list[list[int]] = []
        last: dict[int, list[int]] = {}
        for number in numbers:
            chain = last.pop(self._engine.blocks.parent_of(number), None)
            if chain is None:
                chain = []
                chains.append(chain)
            chain.append(number)
            last[number] = chain
        return tuple(map(tuple, chains))
