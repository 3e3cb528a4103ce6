"""The whole state of a simulation as a few arrays, so that it can be stopped, copied and continued.

Each kind of thing has one array of records, whose fields read like separate arrays: `requests.status[r]`.
(numba hands every array of an argument over as seven values; with an array for each field the loop took
minutes to compile. A request's fields also share its cache lines this way.) The tables below give each
field's dtype, initial value, unit and meaning. Shapes: n requests, m instances, b largest batch, B block
size, K scorers; growable arrays have spare room at their end. Requests are indexed by their position in the
order of arrival.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from blis.engine.codes import (
    ARRIVAL_ROOT,
    N_CLUSTER_PLACES,
    N_STEP_PLACES,
    NEVER_US,
    NO_TRACE,
    NOT_STARTED,
    STOP_AT_ADMISSION,
    STOP_AT_ROUTING,
    TRACE_DECISIONS,
    WATCHED,
)
from blis.foundation.units import Float64Vector, Int64Vector

#: An array of records; its fields are arrays.
Records: TypeAlias = Any

_I, _F = np.int64, np.float64

# name: (dtype, initial value); the comment gives unit and meaning.
_WORKLOAD_FIELDS = {
    "arrival_us": (_I, 0),
    "input_tokens": (_I, 0),  # whole prompt
    "prompt_blocks": (_I, 0),  # its whole blocks
    "output_tokens": (_I, 0),  # true lengths: no view shows them
    "prompt": (_I, 0),  # identity of the whole prompt
    "number": (_I, 0),  # the request's name is request_<number>
    "slo_class": (_I, 0),  # index into blis.foundation.slo.CLASSES
    "tenant": (_I, 0),
    "session": (_I, 0),
    "turn": (_I, 0),  # of the session, from 0
    "think_us": (_I, 0),  # from the end of the request that it follows to its arrival
    "first_follower": (_I, -1),  # request whose arrival waits for the end of this one; -1
    "next_follower": (_I, -1),  # another that waits for the same; -1
}

_LIMIT_FIELDS = {
    "total_blocks": (_I, 0),
    "max_running_requests": (_I, 0),
    "step_token_budget": (_I, 0),
    "long_prefill_threshold_tokens": (_I, 0),  # 0: none
    "max_model_len_tokens": (_I, 0),  # 0: none
    "queueing_us": (_F, 0),
    "queueing_us_per_token": (_F, 0),
    "output_token_us": (_I, 0),
    "completion_us": (_I, 0),
    "least_step_us": (_I, 0),  # no step takes less
}

# Numbers that hold for a whole run; one record.
_SETTING_FIELDS = {
    "n_instances": (_I, 0),
    "block_size_tokens": (_I, 0),
    "n_keys": (_I, 0),  # shared keys; a preempted request's own keys follow them
    "admission_latency_us": (_I, 0),
    "routing_latency_us": (_I, 0),
    "snapshot_refresh_us": (_I, 0),  # 0: signals are live
    "cache_signal_delay_us": (_I, 0),  # 0: prefix signals are live
    "router_index_blocks": (_I, 0),  # that the router remembers of each instance; 0: as many as the instance has
    "tie_key": (_I, 0),  # how ties between instances are broken, see blis.engine.choice
    "horizon_us": (_I, 0),
    "max_events": (_I, 0),
    "max_idle_preemptions": (
        _I,
        0,
    ),  # preemptions of an instance without a completion before it counts as stalled
    "queue_kind": (_I, 0),  # ARRIVAL_ORDER, FIXED_ORDER or CHANGING_ORDER
    "load_kind": (_I, 0),
    "n_scorers": (_I, 0),
    "needs_cached_blocks": (_I, 0),  # a policy or the trace reads the instances' prefix caches
    "needs_affinity": (_I, 0),  # a policy reads the router's own prefix index
    "outputs_share_keys": (_I, 0),  # two requests may write the same keyed output
    "ranks_victims": (_I, 0),  # the choice of a victim needs priorities
    "policy_scores": (_I, 0),  # the routing policy scores instances; else its score is minus the load
    "looks": (_I, 0),  # admission or routing reads the state of instances
    "asks_admission": (_I, 0),  # the kernel stops and lets Python decide
    "asks_routing": (_I, 0),
    "asks_order": (_I, 0),
    "asks_victim": (_I, 0),
    "record_routing": (_I, 0),
    "record_steps": (_I, 0),
    "trace_level": (_I, 0),  # NO_TRACE, TRACE_SUMMARY or TRACE_DECISIONS
    "urgency_kind": (_I, 0),  # BY_NOTHING, BY_QUEUEING or BY_PRIORITY
    "least_steps": (_I, 0),  # from being taken to the last token, of any request
    "lookahead_us": (_I, 0),  # least time from a request's end to an arrival that waits for it; NEVER_US: none does
    "busy_until_step_ends": (_I, 0),  # the semantics flags, see blis.foundation.semantics
    "recompute_cached_prompt": (_I, 0),
    "drop_oversized_total": (_I, 0),
    "first_copy_stays": (_I, 0),
    "history_includes_cached": (_I, 0),
    "waiting_counts": (_I, 0),
    "reads_at_start": (_I, 0),
    "order_by_kind": (_I, 0),
}

_REQUEST_FIELDS = {
    "status": (_I, NOT_STARTED),
    "arrival_us": (_I, 0),  # an estimate until the request that it waits for has ended
    "instance": (_I, -1),  # -1: not routed
    "queued_us": (_I, 0),  # when it enters, or entered, the instance's wait queue
    "routing_rank": (_I, 0),  # how many were routed before it
    "scheduled_us": (_I, -1),  # start of the step that last took it; -1
    "first_token_us": (_I, -1),  # -1
    "finished_us": (_I, -1),  # arrival + E2E; -1
    "preemptions": (_I, 0),
    "cached_blocks": (_I, -1),  # found when it was last taken; -1
    "computed_tokens": (_I, 0),  # prompt tokens computed, repeated work included
    "stored_tokens": (_I, 0),  # prompt tokens in the cache while it is in the batch
    "decode_base": (_I, 0),  # a decoding request holds step number + base tokens before that step
    "finish_step": (_I, 0),  # step number of its last token
    "batch_rank": (_I, 0),  # how many the instance took before it
    "clock_mark_us": (_I, 0),  # the instance's step clock at its first token
    "left_out_us": (_I, 0),  # time it was left out of steps before its first decode
    "detached_blocks": (_I, 0),  # leading blocks it uses without holding them
    "own_key": (_I, -1),  # first of the keys it got when first preempted; -1
    "priority": (_F, 0),  # larger is more urgent
    "queue_key": (_F, 0),  # smaller is taken first
    "link": (_I, -1),  # next in a queue, or next sibling in a heap
    "back_link": (_I, -1),  # previous in a queue, or first child in a heap
    "fill_next": (_I, -1),  # next of those whose block fills in the same phase
    "fill_previous": (_I, -1),
    "routing_score": (_F, np.nan),  # of the chosen instance; NaN when not recorded
    "routing_regret": (_F, np.nan),  # best score minus that
}

_INSTANCE_FIELDS = {
    "clock_us": (_I, 0),  # time of the last executed event
    "next_event_us": (_I, NEVER_US),  # earliest of the next two
    "next_step_us": (_I, NEVER_US),
    "pending_root": (_I, -1),  # heap of requests on their way into the wait queue
    "step_fixed": (_I, 0),  # twice the time at which the next step was scheduled, see fix_next_step
    "busy_until_us": (_I, 0),
    "step_clock_us": (_I, 0),  # sum of all step lengths
    "step_number": (_I, 0),
    "step_us": (_I, 0),  # length of the last step
    "waiting_head": (_I, -1),  # queue's head, or heap's root
    "waiting_tail": (_I, -1),
    "queued_requests": (_I, 0),
    "queued_tokens": (_I, 0),  # prompt tokens in the wait queue
    "running_requests": (_I, 0),
    "prefilling_requests": (_I, 0),
    "decode_requests": (_I, 0),
    "decode_context_tokens": (_I, 0),  # tokens held by decoding requests
    "left_out_requests": (_I, 0),  # decoding requests that wait for their first decode
    "batch_rank": (_I, 0),  # requests taken so far
    "last_decode_rank": (_I, -1),  # largest rank that ever began to decode
    "used_blocks": (_I, 0),
    "stale_blocks": (_I, 0),  # keyed blocks that the index no longer names
    "peak_blocks": (_I, 0),
    "block_time": (_I, 0),  # [block·µs] sum over steps of used blocks times step length
    "cache_hits": (_I, 0),  # blocks
    "cache_misses": (_I, 0),  # blocks
    "cache_hit_tokens": (_I, 0),
    "preemptions": (_I, 0),
    "idle_preemptions": (_I, 0),  # since the last completion
    "allocation_failures": (_I, 0),
    "pending_requests": (_I, 0),  # routed, not yet queued
    "pending_tokens": (_I, 0),  # their prompts
    "in_flight_requests": (_I, 0),  # routed, not yet finished
    "completed_requests": (_I, 0),
    "completed_tokens": (_I, 0),  # that completed requests produced
    "dropped_requests": (_I, 0),
    "input_tokens": (_I, 0),  # prompts that entered the queue
    "queue_sum": (_I, 0),  # sum over steps of the queue length after forming the batch
    "batch_sum": (_I, 0),  # sum over steps of the batch size
    "peak_queue": (_I, 0),
    "log_entry": (_I, -1),  # last entry in the step log; -1
    "is_known": (_I, 1),  # 0 in signals that were never read
    "last_cold_use": (_I, -1),  # rank of the last cold request sent here; -1
    "last_routed": (_I, -1),  # routing rank of the last request sent here; -1
}

_NODE_FIELDS = {
    "node_id": (_I, -1),  # key · m + instance
    "run": (_I, 0),  # keyless blocks after this node
    "references": (_I, 0),  # requests that hold the block
    "is_current": (_I, 0),  # 1 when the index names this node
    "previous": (_I, 0),
    "next": (_I, 0),
}

_SLOT_FIELDS = {"slot_id": (_I, 0), "slot_node": (_I, 0)}  # id + 1; 0 is empty

_SEEN_FIELDS = {
    "slot_id": (_I, 0),
    "slot_seen": (_I, 0),
}  # id + 1; 2 · generation + (1 if present at the reading)

_LOG_FIELDS = {
    "step_us": (_I, 0),
    "decode_tokens": (np.int32, 0),  # of each step
    "steps": (np.int32, 0),  # equal steps in a row
    "instance": (np.int32, 0),
}

_LOST_FIELDS = {"first": (_I, 0), "last": (_I, 0), "instance": (_I, 0)}  # step numbers, inclusive

_ROUTING_FIELDS = {
    "request": (_I, -1),
    "clock_us": (_I, 0),
    "instance": (_I, -1),  # the chosen one
    "rank": (_I, 0),  # how many instances the policy scored higher
    "effective_load": (_I, 0),  # of the chosen one, as the router saw it
    "least_load": (_I, 0),  # of all
    "cached_blocks": (_I, 0),  # prompt blocks really in the chosen one's cache
    "most_cached_blocks": (_I, 0),  # of all
    "expected_ttft_us": (_F, 0),  # of the chosen one, by the reference model
    "least_ttft_us": (_F, 0),  # of all
    "quickest": (_I, 0),  # instance of that
}

_ADMISSION_FIELDS = {"request": (_I, -1), "clock_us": (_I, 0), "verdict": (_I, 0)}  # 0: admitted; else its reason

_PREEMPTION_FIELDS = {
    "clock_us": (_I, 0),
    "instance": (_I, -1),
    "request": (_I, -1),
    "running_requests": (_I, 0),  # before it
    "lost_tokens": (_I, 0),  # prompt and output tokens that were stored for it
}

# Every entry is written whole, so none has an initial value to be filled in.
_SAMPLE_FIELDS = {
    "clock_us": (_I, 0),  # start of the first of the steps
    "length_us": (_I, 0),  # of all of them
    "steps": (np.int32, 0),  # steps of an unchanged batch that only decodes share a sample
    "instance": (np.int32, 0),
    "queued_requests": (np.int32, 0),  # after the batch was formed
    "running_requests": (np.int32, 0),
    "taken_requests": (np.int32, 0),
    "prefill_tokens": (np.int32, 0),
    "decode_requests": (np.int32, 0),
    "used_blocks": (np.int32, 0),
    "stopped_by": (np.int32, 0),  # why no further request was taken
    "blocked_request": (
        np.int32,
        0,
    ),  # first of the queue, for which blocks were lacking while another would have fitted
    "fitting_request": (np.int32, 0),  # that other
    "inverted_requests": (np.int32, 0),  # taken although a more urgent one waited and would have fitted
    "inverted_request": (np.int32, 0),  # the least urgent of them
    "passed_request": (np.int32, 0),  # the most urgent of those passed over
}

SETTING_NAMES = tuple(_SETTING_FIELDS)
WORKLOAD_COLUMNS = tuple(_WORKLOAD_FIELDS)
LIMIT_COLUMNS = tuple(_LIMIT_FIELDS)


class Workload(NamedTuple):
    """What arrives; never changed, shared by all copies of a simulation."""

    table: Records  # (n,) _WORKLOAD_FIELDS
    key_offsets: Int64Vector  # (n + 1,)
    keys: Int64Vector  # (key_offsets[n],) keys of the leading blocks that other requests share


class Batches(NamedTuple):
    """What each instance's batch consists of."""

    members: Int64Vector  # (m, b) requests in the order of taking
    prefilling: Int64Vector  # (m, b) those of them that still compute their prompt
    finish_step: Int64Vector  # (m, b) heap of decoding requests by last step
    finish_request: Int64Vector  # (m, b)
    crossing: Int64Vector  # (m, B) decoding requests that need a block in steps of this phase
    fill_head: Int64Vector  # (m, B) decoding requests whose keyed block fills in steps of this phase


class BlockStore(NamedTuple):
    """Keyed blocks, an index from (key, instance) to them, and one list per instance from oldest to newest.

    Blocks without a key cannot be told apart, so lists hold them as counts: `run[x]` blocks follow node x.
    Nodes 0..m-1 are the heads of the lists. The same structure serves the instances' free lists and the
    router's index of what it sent where.
    """

    counters: Int64Vector  # (5,) nodes made, first recycled node, indexed entries, next own key, own places used
    nodes: Records  # growable; _NODE_FIELDS
    slots: Records  # (power of two,) _SLOT_FIELDS
    # (number of keys,) node that a request holds for its key at the same place; -1: keyless copy
    held: Int64Vector
    own_held: Int64Vector  # growable; the same for own keys


class SeenCache(NamedTuple):
    """Which keys changed since the router last read the prefix caches, and what it read then."""

    counters: Int64Vector  # (2,) generation, entries of this generation
    slots: Records  # (power of two,) _SEEN_FIELDS


class Scratch(NamedTuple):
    """Room for one decision or one step; survives a stop, but means nothing after it."""

    cluster: Int64Vector  # see blis.engine.loop for the places
    step: Int64Vector  # see blis.engine.batch for the places
    routing_queue: Int64Vector  # (n,) admitted requests in order
    effective_load: Int64Vector  # (m,)
    cached_blocks: Int64Vector  # (m,)
    affinity_blocks: Int64Vector  # (m,)
    scores: Float64Vector  # (m,) composite scores of the last routing decision
    scorer_scores: Float64Vector  # (K, m)
    hits: Int64Vector  # (largest prompt in blocks + 1,)
    members: Int64Vector  # (b + 1,) requests that finish their prompt, or complete, in this step
    order: Int64Vector  # (n or 1,) waiting requests as a heap, when the order changes over time
    candidates: Float64Vector  # (5, b) what the victim's choice may see


class StepLog(NamedTuple):
    """Step lengths with their decode tokens, run-length coded, and the tokens that were lost to preemption."""

    counters: Int64Vector  # (2,) entries, lost entries
    entries: Records  # growable; _LOG_FIELDS
    lost: Records  # growable; _LOST_FIELDS: one decode token in each of these steps belongs to a preempted life


class TraceLog(NamedTuple):
    """What was decided; without a trace the arrays are empty."""

    counters: Int64Vector  # (2,) preemptions, samples
    admissions: Records  # (n,) _ADMISSION_FIELDS in order of admission
    routings: Records  # (n,) _ROUTING_FIELDS in order of routing
    scores: np.ndarray  # float64 (n, m) what the policy thought of each instance; decisions only, as those below
    scorer_scores: np.ndarray  # float64 (n, K, m)
    expected_ttft_us: np.ndarray  # float64 (n, m) by the reference model
    preemptions: Records  # growable; _PREEMPTION_FIELDS
    samples: Records  # growable; _SAMPLE_FIELDS


class State(NamedTuple):
    """Everything that moves."""

    requests: Records  # (n,) _REQUEST_FIELDS
    instances: Records  # (m,) _INSTANCE_FIELDS
    signals: Records  # (m,) the same, as the router last read them; the instances themselves when signals are live
    batches: Batches
    cache: BlockStore
    router: BlockStore
    seen: SeenCache
    scratch: Scratch
    log: StepLog
    trace: TraceLog


NODES_MADE, NODE_RECYCLED, INDEXED, NEXT_OWN_KEY, OWN_PLACES = range(5)


def records(fields: Mapping[str, tuple[type, Any]], length: int) -> Records:
    """An array of records with each field at its initial value."""
    # Zeros cost nothing until they are touched.
    array = np.zeros(length, np.dtype([(name, dtype) for name, (dtype, _) in fields.items()], align=True))
    for name, (_, initial) in fields.items():
        if initial != 0:
            array[name] = initial
    return array.view(np.recarray)


def workload_table(**columns: Int64Vector) -> Records:
    """The workload's records from their columns."""
    table = records(_WORKLOAD_FIELDS, len(columns["arrival_us"]))
    for name in _WORKLOAD_FIELDS:
        table[name] = columns[name]
    return table


def limit_table(rows: list[dict[str, float]]) -> Records:
    """The instances' limits, one mapping per instance."""
    table = records(_LIMIT_FIELDS, len(rows))
    for place, row in enumerate(rows):
        for name in _LIMIT_FIELDS:
            table[name][place] = row[name]
    return table


def setting_record(**values: int) -> Records:
    """The settings of a run."""
    table = records(_SETTING_FIELDS, 1)
    for name in SETTING_NAMES:
        table[name][0] = values[name]
    return table[0]


def new_state(workload: Workload, settings: Records, limits: Records) -> State:
    """The state before the first event: nothing has arrived, every block is free."""
    n, m = len(workload.table), settings.n_instances
    largest_batch = int(max(1, min(limits.max_running_requests.max(), max(n, 1))))
    largest_prompt = int(workload.table.input_tokens.max()) if n else 1
    instances = records(_INSTANCE_FIELDS, m)
    scratch = Scratch(
        cluster=np.zeros(N_CLUSTER_PLACES, np.int64),
        step=np.zeros(N_STEP_PLACES, np.int64),
        routing_queue=np.empty(n, np.int64),
        effective_load=np.zeros(m, np.int64),
        cached_blocks=np.zeros(m, np.int64),
        affinity_blocks=np.zeros(m, np.int64),
        scores=np.zeros(m, np.float64),
        scorer_scores=np.zeros((max(settings.n_scorers, 1), m), np.float64),
        hits=np.empty(largest_prompt // settings.block_size_tokens + 1, np.int64),
        members=np.empty(largest_batch + 1, np.int64),
        order=np.empty(max(n, 1), np.int64),
        candidates=np.empty((5, largest_batch), np.float64),
    )
    for place in (STOP_AT_ROUTING, STOP_AT_ADMISSION, WATCHED, ARRIVAL_ROOT):
        scratch.cluster[place] = -1
    requests = records(_REQUEST_FIELDS, n)
    requests.arrival_us[:] = workload.table.arrival_us
    return State(
        requests=requests,
        instances=instances,
        signals=instances if settings.snapshot_refresh_us == 0 else _first_signals(instances, settings),
        batches=_new_batches(m, largest_batch, settings.block_size_tokens),
        cache=_new_store(m, limits.total_blocks, settings.n_keys, len(workload.keys)),
        router=_new_store(m, np.zeros(m, np.int64), settings.n_keys, 0),
        seen=SeenCache(np.array([1, 0]), records(_SEEN_FIELDS, 256)),
        scratch=scratch,
        log=StepLog(
            np.zeros(2, np.int64),
            records(_LOG_FIELDS, 1024 + (8 * n if settings.record_steps else 0)),
            records(_LOST_FIELDS, 64),
        ),
        trace=new_trace(n, settings),
    )


def new_trace(n: int, settings: Records) -> TraceLog:
    """Room for what the settings ask to be recorded of `n` requests."""
    traced = n if settings.trace_level != NO_TRACE else 0
    judged = n if settings.trace_level == TRACE_DECISIONS else 0
    m = int(settings.n_instances)
    return TraceLog(
        counters=np.zeros(2, np.int64),
        admissions=records(_ADMISSION_FIELDS, traced),
        routings=records(_ROUTING_FIELDS, traced),
        scores=np.zeros((judged, m)),
        scorer_scores=np.zeros((judged, max(int(settings.n_scorers), 1), m)),
        expected_ttft_us=np.zeros((judged, m)),
        preemptions=records(_PREEMPTION_FIELDS, 64 if traced else 0),
        samples=records(_SAMPLE_FIELDS, 1024 + 8 * n if traced else 0),
    )


def copy_state(state: State) -> State:
    """An independent copy: both continue from here without knowing of each other."""
    parts: dict[str, Any] = {}
    for name, part in state._asdict().items():
        parts[name] = type(part)(*(array.copy() for array in part)) if isinstance(part, tuple) else part.copy()
    if state.signals is state.instances:
        parts["signals"] = parts["instances"]
    return State(**parts)


def _first_signals(instances: Records, settings: Records) -> Records:
    signals = instances.copy()
    signals.is_known[:] = settings.reads_at_start
    return signals


def _new_batches(m: int, largest_batch: int, block_size_tokens: int) -> Batches:
    return Batches(
        members=np.empty((m, largest_batch), np.int64),
        prefilling=np.empty((m, largest_batch), np.int64),
        finish_step=np.empty((m, largest_batch), np.int64),
        finish_request=np.empty((m, largest_batch), np.int64),
        crossing=np.zeros((m, block_size_tokens), np.int64),
        fill_head=np.full((m, block_size_tokens), -1, np.int64),
    )


def _new_store(m: int, blocks: Int64Vector, n_keys: int, n_places: int) -> BlockStore:
    store = BlockStore(
        counters=np.array([m, -1, 0, n_keys, 0], np.int64),
        nodes=records(_NODE_FIELDS, m + 256),
        slots=records(_SLOT_FIELDS, 1024),
        held=np.full(n_places, -1, np.int64),
        own_held=np.empty(64, np.int64),
    )
    store.nodes.previous[:m] = store.nodes.next[:m] = np.arange(m)
    store.nodes.run[:m] = blocks
    return store
