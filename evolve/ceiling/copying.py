"""Copies of a run in the arrays of copies that are no longer wanted: new memory costs more than what is copied."""

import numpy as np

from blis.engine.growth import with_room_of
from blis.engine.state import State
from blis.simulate import Simulation


class Copies:
    """One copy at a time, of whatever run is asked for; it may be changed, and is spent when the next is made."""

    def __init__(self) -> None:
        self._copy: Simulation | None = None
        self._source, self._target = _Bytes(), _Bytes()

    def of(self, simulation: Simulation) -> Simulation:
        """A copy that continues as the simulation would."""
        copy = self._copy
        if copy is not None:
            if len(copy.state.cache.runs) > len(simulation.state.cache.runs):  # it will need that room as well
                simulation.state = with_room_of(simulation.state, copy.state)
            if self._is_written(simulation.state, copy.state):
                copy.memory = simulation.memory.copy()
                copy.workload, copy.settings, copy.prepared = (
                    simulation.workload,
                    simulation.settings,
                    simulation.prepared,
                )
                return copy
        self._copy = simulation.fork()
        return self._copy

    def _is_written(self, source: State, target: State) -> bool:
        """Write a state into another's arrays; False if these are of other sizes, and then nothing is written."""
        pairs = list(zip(self._source.of(source), self._target.of(target), strict=True))
        if any(one.size != other.size for one, other in pairs):
            return False
        for one, other in pairs:
            other[:] = one
        return True


class _Bytes:
    """The arrays of a state as bytes: numpy copies records field by field, which takes ten times as long."""

    def __init__(self) -> None:
        self._state: State | None = None
        self._bytes: list[np.ndarray] = []

    def of(self, state: State) -> list[np.ndarray]:
        """All its arrays."""
        if self._state is not state:
            parts = [array for part in state for array in (part if isinstance(part, tuple) else (part,))]
            self._state = state
            self._bytes = [one.view(np.ndarray).reshape(-1).view(np.uint8) for one in parts]
        return self._bytes
