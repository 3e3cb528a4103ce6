"""A state that has been used becomes the state before the first event again, with the room to which it has grown."""

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np

from blis.engine.records import Records
from blis.engine.start import learned_lengths, most_scorers, new_ghosts, new_kept, new_learned
from blis.engine.state import State, Workload

#: Arrays that are read only where the same run has written before: room for one moment, and entries that are counted.
#: Whatever an earlier run has left there is never seen, so it stays; all others are made as they were.
WRITTEN_FIRST = {
    "batches": frozenset({"members", "prefilling", "finish_step", "finish_request", "ending", "returning"}),
    "scratch": frozenset(
        {"routing_queue", "hits", "members", "order", "candidates", "tier_hits", "tier_counts", "tier_leading"}
    ),
    "log": frozenset({"entries", "lost", "pauses"}),
    "trace": frozenset({"preemptions", "samples"}),
    "fleet": frozenset({"events", "read"}),
    "gateway": frozenset({"heads"}),
    "tiers": frozenset({"frames"}),
    "seen": frozenset({"slots"}),  # which are cleared where something was entered
}

_Bytes: TypeAlias = np.ndarray[tuple[int], np.dtype[np.uint8]]


class Resetting:
    """What has to be written to make one state, which may have more room, as another is that was never run.

    Parameters
    ----------
    state : State
        Of the same requests, settings and limits as `first`; the arrays that it consists of now are written.
    first : State
        Before the first event.
    """

    def __init__(self, state: State, first: State) -> None:
        self.state = state
        self._seen_before = first.seen.counters.tolist()
        self._copied: list[tuple[_Bytes, _Bytes]] = []
        self._filled: list[tuple[_Bytes, int]] = []
        for target, source in zip(_restored(state), _restored(first), strict=True):
            shared = min(len(target), len(source))  # scores of fewer scorers take less
            self._restore(target[:shared], source[:shared])
            self._restore(target[shared:], None)  # room that has grown begins with zeros, as it was made

    def run(self) -> State:
        """The state, before its first event."""
        if self.state.seen.counters.tolist() != self._seen_before:
            _bytes(self.state.seen.slots).fill(0)
        for target, source in self._copied:
            target[:] = source
        for target, byte in self._filled:
            target.fill(byte)
        return self.state

    def _restore(self, target: _Bytes, source: _Bytes | None) -> None:
        """Note how to make the bytes those of the source, or zeros; most of what is not zero is -1."""
        byte = 0 if source is None or not len(source) else int(source[0])
        if source is None or (source == byte).all():
            self._filled.append((target, byte))
        else:
            self._copied.append((target, source))


def fitted(state: State, settings: Records, workload: Workload, limits: Records) -> State:
    """A state before its first event for other policies, which have other scorers and ask for other things."""
    if len(state.kept.runs) or not settings.evicts_oldest:
        kept = new_kept(workload, settings, limits, len(state.cache.runs))
        state = state._replace(kept=kept, ghosts=new_ghosts(settings))
    n = len(state.requests)
    if tuple(map(len, state.learned)) != learned_lengths(n, settings):
        state = state._replace(learned=new_learned(n, settings))
    rows, traced_rows = most_scorers(settings), max(int(settings.n_scorers), 1)
    judged, traced, m = state.trace.scorer_scores.shape
    if len(state.scratch.scorer_scores) == rows and traced == traced_rows:
        return state
    return state._replace(
        scratch=state.scratch._replace(scorer_scores=np.zeros((rows, m))),
        trace=state.trace._replace(scorer_scores=np.zeros((judged, traced_rows, m))),
    )


def _restored(state: State) -> Iterator[_Bytes]:
    """The bytes of each array whose contents matter."""
    for name, part in state._asdict().items():
        arrays = part._asdict() if hasattr(part, "_asdict") else {name: part}
        for field, array in arrays.items():
            if field not in WRITTEN_FIRST.get(name, ()):
                yield _bytes(array)


def _bytes(array: np.ndarray) -> _Bytes:
    return array.view(np.ndarray).reshape(-1).view(np.uint8)
