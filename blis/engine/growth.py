"""More room for arrays that turned out too small; contents, and so results, stay as they are."""

import numpy as np

from blis.engine.blocks import reenter, rehash
from blis.engine.codes import NEED_NODES, NEED_OWN, NEED_ROUTER_NODES
from blis.engine.observation import PREEMPTIONS, SAMPLES
from blis.engine.state import INDEXED, NODES_MADE, OWN_PLACES, BlockStore, SeenCache, State, StepLog, TraceLog


def grown(state: State) -> State:
    """The state with room for what the kernel stopped for, and as much again."""
    step, cluster = state.scratch.step, state.scratch.cluster
    return state._replace(
        cache=_grown_store(state.cache, int(step[NEED_NODES]) + 1, int(step[NEED_OWN])),
        router=_grown_store(state.router, int(cluster[NEED_ROUTER_NODES]) + 2, 0),
        seen=_grown_seen(state.seen, 4 * int(step[NEED_NODES]) + 2 * len(state.instances)),
        log=_grown_log(state.log),
        trace=_grown_trace(state.trace),
    )


def _longer(array: np.ndarray, length: int) -> np.ndarray:
    if length <= len(array):
        return array
    longer = np.zeros(length, array.dtype).view(type(array))
    longer[: len(array)] = array
    return longer


def _power_of_two(length: int) -> int:
    return 1 << max(0, length - 1).bit_length()


def _grown_store(store: BlockStore, nodes: int, own_places: int) -> BlockStore:
    made, indexed, own = (int(store.counters[place]) for place in (NODES_MADE, INDEXED, OWN_PLACES))
    room = 2 * (made + nodes) if made + nodes > len(store.nodes) else 0
    own_room = 2 * (own + own_places) if own + own_places > len(store.own_held) else 0
    longer = store._replace(nodes=_longer(store.nodes, room), own_held=_longer(store.own_held, own_room))
    if 2 * (indexed + nodes) <= len(store.slots):
        return longer
    counters = store.counters.copy()
    counters[INDEXED] = 0
    slots = np.zeros(_power_of_two(4 * (indexed + nodes)), store.slots.dtype).view(np.recarray)
    longer = longer._replace(counters=counters, slots=slots)
    rehash(longer, store.slots)
    return longer


def _grown_seen(seen: SeenCache, changes: int) -> SeenCache:
    generation, entries = int(seen.counters[0]), int(seen.counters[1])
    if 2 * (entries + changes) <= len(seen.slots):
        return seen
    slots = np.zeros(_power_of_two(4 * (entries + changes)), seen.slots.dtype).view(np.recarray)
    larger = SeenCache(np.array([generation, 0]), slots)
    reenter(larger, seen)
    return larger


def _grown_log(log: StepLog) -> StepLog:
    entries, lost = int(log.counters[0]), int(log.counters[1])
    room = 2 * (entries + 2) if entries + 2 > len(log.entries) else 0
    lost_room = 2 * (lost + 1) if lost + 1 > len(log.lost) else 0
    return log._replace(entries=_longer(log.entries, room), lost=_longer(log.lost, lost_room))


def _grown_trace(trace: TraceLog) -> TraceLog:
    preemptions, samples = int(trace.counters[PREEMPTIONS]), int(trace.counters[SAMPLES])
    return trace._replace(
        preemptions=_longer(trace.preemptions, 2 * preemptions + 2 if preemptions + 2 > len(trace.preemptions) else 0),
        samples=_longer(trace.samples, 2 * samples + 2 if samples + 2 > len(trace.samples) else 0),
    )
