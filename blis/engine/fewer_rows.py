"""The earliest requests of a simulation that goes on for ever are forgotten: rows of the later ones move up.

Whoever is forgotten has ended, so that nothing names its row any more. The order of the rows stays, and with it every
tie. Only the parts of a state that most runs have are known here, see `blis.engine.setting_fields.KNOWN`.
"""

from typing import Any

import numpy as np

from blis.engine.codes import NEXT_ADMISSION, NEXT_FIXED, NEXT_ROUTING, ROUTING_HEAD, ROUTING_TAIL
from blis.engine.records import Records
from blis.engine.setting_fields import has_known_settings
from blis.engine.state import Batches, Scratch, State
from blis.foundation.units import BoolVector, Int64Vector

#: Fields that name a row, and where they lie.
_OF_REQUESTS = ("link", "back_link", "fill_previous", "fill_next")
_OF_INSTANCES = ("pending_root", "awaiting_root", "loaded_root", "waiting_head", "waiting_tail")
_OF_BATCHES = ("members", "prefilling", "finish_request", "ending", "returning", "fill_head")


def can_forget(settings: Records) -> bool:
    """Whether a run has no part whose rows are not known here."""
    return has_known_settings(settings) and not settings.retry_attempts and not settings.awaits_kv


def first_in_batches(state: State) -> int:
    """The earliest row that a batch names: one that has ended may wait for the end of its step; -1: none."""
    batches, instances = state.batches, state.instances
    named = [
        int(rows[place, :count].min())
        for rows, counts in (
            (batches.members, instances.running_requests),
            (batches.ending, instances.ending_requests),
            (batches.returning, instances.returning_requests),
        )
        for place, count in enumerate(counts.tolist())
        if count
    ]
    return min(named, default=-1)


def without_first(state: State, fresh: State, count: int) -> State:
    """The state without its first `count` requests, in the arrays by request of a fresh one with the same room.

    Parameters
    ----------
    state : State
        Between two events.
    fresh : State
        Before its first event; taken over.
    count : int
        Rows that nothing names.
    """
    requests = _later(fresh.requests, state.requests, count)
    for name in _OF_REQUESTS:
        requests[name] = _moved(requests[name], count)
    instances = _named_anew(state.instances, count)
    is_live = np.shares_memory(state.signals, state.instances)
    return state._replace(
        requests=requests,
        drafts=_later(fresh.drafts, state.drafts, count),
        awaiting=_later(fresh.awaiting, state.awaiting, count),
        learned=state.learned._replace(requests=_later(fresh.learned.requests, state.learned.requests, count)),
        instances=instances,
        signals=instances if is_live else _named_anew(state.signals, count),
        batches=_batches(state.batches, count),
        scratch=_scratch(state.scratch, count),
    )


def segments_named(state: State, n_instances: int, n_segments: int) -> BoolVector:
    """By segment, whether a cache, the router or what it last read of caches knows blocks of it."""
    named = np.zeros(n_segments, np.bool_)
    for slots in (state.cache.slots, state.router.slots, state.seen.slots):
        ids = np.asarray(slots.slot_id)
        segments = (ids[ids != 0] - 1) // n_instances
        named[segments[segments < n_segments]] = True  # those beyond are a preempted request's own
    return named


def _later(fresh: Any, array: Any, count: int) -> Any:
    """Rows from `count` on at the beginning of a fresh array."""
    if len(array):
        fresh[: len(array) - count] = array[count:]
    return fresh


def _moved(rows: Any, count: int) -> Any:
    """The numbers that rows have without the first; what named one of these is of no use any more."""
    return np.where(rows >= count, rows - count, np.where(rows >= 0, -1, rows))


def _named_anew(instances: Records, count: int) -> Records:
    for name in _OF_INSTANCES:
        instances[name] = _moved(instances[name], count)
    return instances


def _batches(batches: Batches, count: int) -> Batches:
    return batches._replace(**{name: _moved(getattr(batches, name), count) for name in _OF_BATCHES})


def _scratch(scratch: Scratch, count: int) -> Scratch:
    cluster: Int64Vector = scratch.cluster
    head, tail = int(cluster[ROUTING_HEAD]), int(cluster[ROUTING_TAIL])
    scratch.routing_queue[: tail - head] = scratch.routing_queue[head:tail] - count
    cluster[ROUTING_HEAD], cluster[ROUTING_TAIL] = 0, tail - head
    cluster[NEXT_FIXED] -= count
    for place in (NEXT_ADMISSION, NEXT_ROUTING):
        cluster[place] = _moved(cluster[place], count)
    return scratch
