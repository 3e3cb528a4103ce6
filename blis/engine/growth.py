"""More room for arrays that turned out too small; contents, and so results, stay as they are."""

import numpy as np

from blis.engine._jit import plain
from blis.engine.block_index import rehash
from blis.engine.codes import N_FLEET_EVENTS, N_ROUTED, NEED_ROUTER_RUNS, NEED_RUNS
from blis.engine.fleet import most_fleet_events
from blis.engine.observation import PREEMPTIONS, SAMPLES
from blis.engine.room import TIER_RUNS_PER_RUN
from blis.engine.seen_cache import reenter
from blis.engine.state import (
    INDEXED,
    MOST_TIERS,
    PIECES_MADE,
    RUNS_MADE,
    BlockStore,
    Fleet,
    Kept,
    SeenCache,
    State,
    StepLog,
    Tiers,
    TraceLog,
)


def grown(state: State) -> State:
    """The state with room for what the kernel stopped for, and as much again."""
    step, cluster = state.scratch.step, state.scratch.cluster
    cache = _grown_store(state.cache, int(step[NEED_RUNS]) + 1)
    tier_store = state.tier_store
    if len(state.tiers.devices):
        tier_store = _grown_store(tier_store, TIER_RUNS_PER_RUN * MOST_TIERS * (int(step[NEED_RUNS]) + 1))
    return state._replace(
        cache=cache,
        kept=_grown_kept(state.kept, len(cache.runs)),
        ghosts=_grown_store(state.ghosts, int(step[NEED_RUNS]) + 1) if len(state.ghosts.runs) else state.ghosts,
        router=_grown_store(state.router, int(cluster[NEED_ROUTER_RUNS]) + 1),
        seen=_grown_seen(state.seen, 4 * int(step[NEED_RUNS]) + 2 * len(state.instances)),
        log=_grown_log(state.log, state.batches.members.shape[1]),
        trace=_grown_trace(state.trace, int(cluster[N_ROUTED])),
        fleet=_grown_fleet(state),
        tier_store=tier_store,
        tiers=_grown_tiers(state.tiers, len(tier_store.runs)),
    )


def with_room_of(state: State, other: State) -> State:
    """The state with at least as much room as another one in every array of the caches that grows."""
    cache = _store_with_room_of(state.cache, other.cache)
    tier_store = _store_with_room_of(state.tier_store, other.tier_store)
    return state._replace(
        cache=cache,
        kept=_grown_kept(state.kept, len(cache.runs)),
        ghosts=_store_with_room_of(state.ghosts, other.ghosts),
        router=_store_with_room_of(state.router, other.router),
        tier_store=tier_store,
        tiers=_grown_tiers(state.tiers, len(tier_store.runs)),
        seen=state.seen
        if len(state.seen.slots) >= len(other.seen.slots)
        else _resized(state.seen, len(other.seen.slots)),
    )


def _longer(array: np.ndarray, length: int) -> np.ndarray:
    if length <= len(array):
        return array
    longer = np.zeros((length, *array.shape[1:]), array.dtype).view(type(array))
    longer[: len(array)] = array
    return longer


def _power_of_two(length: int) -> int:
    return 1 << max(0, length - 1).bit_length()


def _grown_store(store: BlockStore, runs: int) -> BlockStore:
    made, indexed, pieces = (int(store.counters[place]) for place in (RUNS_MADE, INDEXED, PIECES_MADE))
    room = 2 * (made + runs) if made + runs > len(store.runs) else 0
    piece_room = 2 * (pieces + runs) if pieces + runs > len(store.pieces) > 0 else 0
    longer = store._replace(runs=_longer(store.runs, room), pieces=_longer(store.pieces, piece_room))
    if 2 * (indexed + runs) <= len(store.slots):
        return longer
    return _rehashed(longer, _power_of_two(4 * (indexed + runs)))


def _grown_kept(kept: Kept, n_runs: int) -> Kept:
    return kept._replace(runs=_longer(kept.runs, n_runs)) if len(kept.runs) else kept


def _grown_tiers(tiers: Tiers, n_runs: int) -> Tiers:
    return tiers._replace(runs=_longer(tiers.runs, n_runs)) if len(tiers.devices) else tiers


def _store_with_room_of(store: BlockStore, other: BlockStore) -> BlockStore:
    longer = store._replace(runs=_longer(store.runs, len(other.runs)), pieces=_longer(store.pieces, len(other.pieces)))
    return longer if len(store.slots) >= len(other.slots) else _rehashed(longer, len(other.slots))


def _rehashed(store: BlockStore, n_slots: int) -> BlockStore:
    counters = store.counters.copy()
    counters[INDEXED] = 0
    larger = store._replace(counters=counters, slots=np.zeros(n_slots, store.slots.dtype).view(np.recarray))
    rehash(larger, store.slots)
    return larger


def _grown_seen(seen: SeenCache, changes: int) -> SeenCache:
    entries = int(seen.counters[1])
    if 2 * (entries + changes) <= len(seen.slots):
        return seen
    return _resized(seen, _power_of_two(4 * (entries + changes)))


def _resized(seen: SeenCache, n_slots: int) -> SeenCache:
    slots = np.zeros(n_slots, seen.slots.dtype).view(np.recarray)
    larger = SeenCache(np.array([seen.counters[0], 0]), slots)
    reenter(larger, seen)
    return larger


def _grown_log(log: StepLog, largest_batch: int) -> StepLog:
    entries, lost, pauses = (int(count) for count in log.counters)
    room = 2 * (entries + 2) if entries + 2 > len(log.entries) else 0
    lost_room = 2 * (lost + largest_batch) if lost + largest_batch > len(log.lost) else 0
    pause_room = 2 * (pauses + largest_batch) if pauses + largest_batch > len(log.pauses) else 0
    return log._replace(
        entries=_longer(log.entries, room), lost=_longer(log.lost, lost_room), pauses=_longer(log.pauses, pause_room)
    )


def _grown_fleet(state: State) -> Fleet:
    events, made = state.fleet.events, int(state.scratch.cluster[N_FLEET_EVENTS])
    most = int(plain(most_fleet_events)(state))
    return state.fleet._replace(events=_longer(events, 2 * (made + most) if made + most > len(events) else 0))


def _grown_trace(trace: TraceLog, n_routed: int) -> TraceLog:
    preemptions, samples = int(trace.counters[PREEMPTIONS]), int(trace.counters[SAMPLES])
    if 0 < len(trace.routings) <= n_routed:  # some are routed again
        trace = trace._replace(
            routings=_longer(trace.routings, 2 * n_routed),
            scores=_longer(trace.scores, 2 * n_routed if len(trace.scores) else 0),
            scorer_scores=_longer(trace.scorer_scores, 2 * n_routed if len(trace.scores) else 0),
            expected_ttft_us=_longer(trace.expected_ttft_us, 2 * n_routed if len(trace.scores) else 0),
        )
    return trace._replace(
        preemptions=_longer(trace.preemptions, 2 * preemptions + 2 if preemptions + 2 > len(trace.preemptions) else 0),
        samples=_longer(trace.samples, 2 * samples + 2 if samples + 2 > len(trace.samples) else 0),
    )
