"""The state before the first event, and copies of a state."""

from functools import cache
from typing import Any

import numpy as np

from blis.engine.adapter_fields import ADAPTED_FIELDS, HOLDER_FIELDS, RESIDENT_FIELDS
from blis.engine.block_fields import KEPT_FIELDS, PIECE_FIELDS, QUEUE_FIELDS, RUN_FIELDS, SEEN_FIELDS, SLOT_FIELDS
from blis.engine.claims import NOT_KEPT
from blis.engine.codes import (
    ARRIVAL_OF_EMBEDDINGS_ROOT,
    ARRIVAL_ROOT,
    LAST_CYCLE_US,
    LAST_EVICTION_US,
    LISTED_FOR,
    N_CANDIDATES,
    N_CLUSTER_PLACES,
    N_ENCODING_PLACES,
    N_GATE_PLACES,
    N_STEP_PLACES,
    N_TRANSFER_PLACES,
    NEVER_US,
    NEXT_CYCLE_US,
    NEXT_SWEEP_US,
    NO_DRAFTS,
    NO_TRACE,
    PATIENCE_ROOT,
    RETURN_ROOT,
    SESSION_INSTANCE,
    START_ROOT,
    STOP_AT_ADMISSION,
    STOP_AT_ROUTING,
    TRACE_DECISIONS,
    WATCHED,
)
from blis.engine.encoder_fields import ENCODED_FIELDS, ENCODER_FIELDS
from blis.engine.fleet_start import FleetTables, new_fleet, place_instances
from blis.engine.gate_fields import (
    BAND_FIELDS,
    FLOW_FIELDS,
    GATED_FIELDS,
    TENANT_FIELDS,
)
from blis.engine.instance_fields import INSTANCE_FIELDS
from blis.engine.log_fields import (
    ADMISSION_FIELDS,
    LOG_FIELDS,
    LOST_FIELDS,
    PAUSE_FIELDS,
    PREEMPTION_FIELDS,
    ROUTING_FIELDS,
    SAMPLE_FIELDS,
)
from blis.engine.next_use import users_by_segment
from blis.engine.records import Records, records
from blis.engine.request_fields import CLAIM_FIELDS, REQUEST_FIELDS
from blis.engine.seldom_fields import (
    AWAITING_FIELDS,
    DRAFT_FIELDS,
    LEG_FIELDS,
    LENGTH_FIELDS,
    OUTLOOK_FIELDS,
    PATIENCE_FIELDS,
    SERVICE_FIELDS,
)
from blis.engine.state import (
    MOST_QUEUES,
    MOST_TIERS,
    SKETCH_ROWS,
    Adapters,
    Batches,
    BlockStore,
    Encoding,
    Gateway,
    Kept,
    Learned,
    Scratch,
    SeenCache,
    State,
    StepLog,
    TraceLog,
    Transfers,
    Workload,
)
from blis.engine.swap_start import SwapTables, new_swap
from blis.engine.tier_start import TierTables, new_tiers
from blis.engine.tier_store import N_LISTS
from blis.engine.views import N_FLOW_COLUMNS
from blis.foundation.slo import CLASSES
from blis.foundation.units import Int64Vector

#: Room for blocks with keys that a state begins with, at most; it grows as it must.
_MOST_FIRST_RUNS = 4096


def new_state(
    workload: Workload,
    settings: Records,
    limits: Records,
    fleet: FleetTables | None = None,
    bands: Records | None = None,
    tiers: TierTables | None = None,
    swap: SwapTables | None = None,
) -> State:
    """The state before the first event: nothing has arrived, every block is free, and without a fleet all serve.

    `bands`, of BAND_FIELDS, are those of the gateway's queue; None: without a gateway. `tiers` is
    what lies beneath the GPUs, `swap` what victims may use of the host's memory; None: nothing.
    """
    n, m = len(workload.table), settings.n_instances
    largest_batch = int(max(1, min(limits.max_running_requests.max(), max(n, 1))))
    instances = records(INSTANCE_FIELDS, m)
    scratch = _new_scratch(workload, settings, m, largest_batch)
    place_instances(instances, scratch.cluster, settings, fleet)
    cache = _new_store(m, limits.total_blocks, settings.n_segments, holds_pieces=True)
    tier_store = new_tier_store(settings, tiers)
    requests = records(REQUEST_FIELDS, n)
    requests.arrival_us[:] = workload.table.arrival_us
    requests.text_tokens[:] = workload.table.input_tokens
    return State(
        requests=requests,
        drafts=records(DRAFT_FIELDS, 0 if settings.acceptance_key == NO_DRAFTS else n),
        awaiting=records(AWAITING_FIELDS, n if settings.awaits_kv else 0),
        patience=records(PATIENCE_FIELDS, n if settings.times_out else 0),
        instances=instances,
        signals=instances if settings.snapshot_refresh_us == 0 else _first_signals(instances, settings),
        batches=_new_batches(m, largest_batch, settings.block_size_tokens),
        cache=cache,
        router=_new_store(m, np.zeros(m, np.int64), settings.n_segments, holds_pieces=False),
        kept=new_kept(workload, settings, limits, len(cache.runs)),
        ghosts=new_ghosts(settings),
        prompts=np.zeros((m, 3, 1 + len(CLASSES)), np.int64),
        sessions=np.full(int(workload.table.session.max(initial=-1)) + 1, -1, np.int64),
        seen=SeenCache(np.array([1, 0]), records(SEEN_FIELDS, 256)),
        scratch=scratch,
        log=StepLog(
            np.zeros(3, np.int64),
            records(LOG_FIELDS, 1024 + (8 * n if settings.record_steps else 0)),
            records(LOST_FIELDS, 64 + largest_batch),
            records(PAUSE_FIELDS, 64 + largest_batch),
        ),
        trace=new_trace(n, settings),
        learned=new_learned(n, settings),
        fleet=new_fleet(instances, fleet),
        gateway=_new_gateway(n, settings, records(BAND_FIELDS, 0) if bands is None else bands),
        adapters=_new_adapters(n, settings),
        tiers=new_tiers(tiers, len(tier_store.runs)),
        tier_store=tier_store,
        transfers=_new_transfers(n, settings),
        swap=new_swap(swap, n),
        encoding=_new_encoding(n, settings),
    )


def _new_scratch(workload: Workload, settings: Records, m: int, largest_batch: int) -> Scratch:
    """Places of the cluster and of a step as at the beginning, and room to work in."""
    n = len(workload.table)
    longest = int((workload.table.input_tokens + workload.table.output_tokens).max()) if n else 1
    scratch = Scratch(
        cluster=np.zeros(N_CLUSTER_PLACES, np.int64),
        step=np.zeros(N_STEP_PLACES, np.int64),
        # Who is evicted, or gives up, and comes again is sent on again.
        routing_queue=np.empty(n * (1 + int(settings.retry_attempts * _comes_back(settings))), np.int64),
        eligible=np.arange(m, dtype=np.int64),
        kept=np.zeros(m, np.int64),
        effective_load=np.zeros(m, np.int64),
        cached_blocks=np.zeros(m, np.int64),
        affinity_blocks=np.zeros(m, np.int64),
        adapter_use=np.zeros(m, np.int64),
        adapters_in_use=np.zeros(m, np.int64),
        expected_ttft_us=np.zeros(m, np.float64),
        expected_itl_us=np.zeros(m, np.float64),
        tiered_blocks=np.zeros(m, np.float64),
        scores=np.zeros(m, np.float64),
        scorer_scores=np.zeros((most_scorers(settings), m), np.float64),
        hits=np.empty((longest // settings.block_size_tokens + 1, 2), np.int64),
        members=np.empty(2 * largest_batch + 1, np.int64),
        order=np.empty(max(n, 1), np.int64),
        candidates=np.empty((6, largest_batch), np.float64),
        tier_hits=np.empty((longest // settings.block_size_tokens + 1 if settings.n_tiers else 0, 2), np.int64),
        tier_counts=np.zeros(MOST_TIERS, np.int64),
        tier_leading=np.zeros(MOST_TIERS, np.int64),
    )
    first_places = (STOP_AT_ROUTING, STOP_AT_ADMISSION, WATCHED, ARRIVAL_ROOT, RETURN_ROOT, SESSION_INSTANCE)
    for place in (*first_places, PATIENCE_ROOT, LISTED_FOR):
        scratch.cluster[place] = -1
    scratch.cluster[N_CANDIDATES] = m
    return scratch


def _comes_back(settings: Records) -> bool:
    """Whether a request can be sent on, taken away from its instance, and come again."""
    return bool(settings.gate_evicts or (settings.times_out and settings.retries_timeouts))


def _new_adapters(n: int, settings: Records) -> Adapters:
    """Nothing held yet, and nobody asks."""
    m = int(settings.n_instances) if settings.has_adapters else 0
    read = m if settings.snapshot_refresh_us > 0 else 0
    return Adapters(
        holders=records(HOLDER_FIELDS, m),
        residents=records(RESIDENT_FIELDS, m * int(settings.n_adapters)),
        requests=records(ADAPTED_FIELDS, n if settings.has_adapters else 0),
        read_in_use=np.zeros(read, np.int64),
        read_use=np.zeros(read * int(settings.n_adapters), np.int64),
    )


def new_tier_store(settings: Records, tiers: TierTables | None) -> BlockStore:
    """Devices without a block; without tiers no room either."""
    if tiers is None:
        return _no_ghosts()
    lists = N_LISTS * len(tiers.devices)
    return _new_store(lists, np.zeros(lists, np.int64), int(settings.n_segments), holds_pieces=False)


def _new_transfers(n: int, settings: Records) -> Transfers:
    """Nothing on its way."""
    places = np.zeros(N_TRANSFER_PLACES, np.int64)
    places[START_ROOT] = -1
    return Transfers(places, records(LEG_FIELDS, n if settings.has_transfers else 0))


def _new_encoding(n: int, settings: Records) -> Encoding:
    """Nothing encoded yet, and nobody waits for it."""
    places = np.zeros(N_ENCODING_PLACES, np.int64)
    places[ARRIVAL_OF_EMBEDDINGS_ROOT] = -1
    m, n = (int(settings.n_instances), n) if settings.has_encoder else (0, 0)
    return Encoding(places, records(ENCODER_FIELDS, m), records(ENCODED_FIELDS, n))


def _new_gateway(n: int, settings: Records, bands: Records) -> Gateway:
    """A queue in which nobody waits."""
    n_tenants = int(settings.n_tenants) if settings.has_gateway else 0
    places = np.zeros(N_GATE_PLACES, np.int64)
    places[[NEXT_CYCLE_US, NEXT_SWEEP_US]] = NEVER_US
    places[LAST_CYCLE_US] = -1
    places[LAST_EVICTION_US] = -NEVER_US
    return Gateway(
        places=places,
        requests=records(GATED_FIELDS, n if settings.has_gateway or settings.retry_attempts > 0 else 0),
        flows=records(FLOW_FIELDS, len(bands) * n_tenants),
        bands=bands.copy(),
        tenants=records(TENANT_FIELDS, n_tenants),
        in_flight_tokens=np.zeros(int(settings.n_instances), np.int64),
        heads=np.zeros((N_FLOW_COLUMNS, max(1, n_tenants))),
    )


def most_scorers(settings: Records) -> int:
    """Rows of scores that the largest of the routing policies needs."""
    return max(int(settings.n_scorers), int(settings.n_prefill_scorers), int(settings.n_encode_scorers), 1)


def new_kept(workload: Workload, settings: Records, limits: Records, n_runs: int) -> Kept:
    """Nothing free with a key yet, with room for what the eviction policy asks for."""
    if settings.evicts_oldest:
        return _no_kept()
    m = int(settings.n_instances)
    width = 1 << max(4, int(limits.total_blocks.max(initial=1)) - 1).bit_length()
    return Kept(
        runs=records(KEPT_FIELDS, n_runs),
        queues=records(QUEUE_FIELDS, m * MOST_QUEUES),
        frequencies=np.zeros(m * SKETCH_ROWS * width if settings.needs_frequency else 0, np.uint8),
        users=users_by_segment(workload) if settings.needs_next_use else np.zeros(0, np.int64),
    )


def new_ghosts(settings: Records) -> BlockStore:
    """Nothing evicted yet; without a policy that remembers, no room either."""
    if not settings.ghost_permille:
        return _no_ghosts()
    lists = int(settings.n_instances) * MOST_QUEUES
    return _new_store(lists, np.zeros(lists, np.int64), 0, holds_pieces=False)


@cache
def _no_kept() -> Kept:
    """Arrays without an entry, which all states may share."""
    return Kept(records(KEPT_FIELDS, 0), records(QUEUE_FIELDS, 0), np.zeros(0, np.uint8), np.zeros(0, np.int64))


@cache
def _no_ghosts() -> BlockStore:
    """A store that nobody looks into, which all states may share."""
    empty = (records(fields, length) for fields, length in ((RUN_FIELDS, 0), (SLOT_FIELDS, 1), (PIECE_FIELDS, 0)))
    return BlockStore(np.zeros(6, np.int64), *empty)


def new_learned(n: int, settings: Records) -> Learned:
    """Nothing learned yet, with room for what the settings ask for."""
    fields = (OUTLOOK_FIELDS, LENGTH_FIELDS, SERVICE_FIELDS)
    return Learned(*map(records, fields, learned_lengths(n, settings)))


def learned_lengths(n: int, settings: Records) -> tuple[int, int, int]:
    """Lengths of the arrays of `Learned` for `n` requests."""
    m = int(settings.n_instances)
    looks_at_requests = settings.needs_expected_output or settings.needs_uncached_tokens
    return (
        n if looks_at_requests else 0,
        m * (int(settings.n_kinds) + 1) if settings.needs_expected_output else 0,
        m * int(settings.n_tenants) if settings.needs_service else 0,
    )


def new_trace(n: int, settings: Records) -> TraceLog:
    """Room for what the settings ask to be recorded of `n` requests."""
    traced = n if settings.trace_level != NO_TRACE else 0
    judged = n if settings.trace_level == TRACE_DECISIONS else 0
    m = int(settings.n_instances)
    return TraceLog(
        counters=np.zeros(2, np.int64),
        admissions=records(ADMISSION_FIELDS, traced * (1 + int(settings.retry_attempts))),
        routings=records(ROUTING_FIELDS, traced),
        scores=np.zeros((judged, m)),
        scorer_scores=np.zeros((judged, max(int(settings.n_scorers), 1), m)),
        expected_ttft_us=np.zeros((judged, m)),
        preemptions=records(PREEMPTION_FIELDS, 64 if traced else 0),
        samples=records(SAMPLE_FIELDS, 1024 + 8 * n if traced else 0),
        claim_roots=np.full((2, m if traced else 0), NOT_KEPT, np.int64),
        claims=records(CLAIM_FIELDS, 2 * traced),
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


def _in_odd_lines(entries: int) -> int:
    """At least so many int64 entries, which fill an odd number of cache lines.

    In rows of an even power of two lines the first entries of all rows, which are read most, would share two places of
    the cache, and chase each other out.
    """
    lines = -(-entries // 8) | 1
    return 8 * lines


def _new_batches(m: int, largest_batch: int, block_size_tokens: int) -> Batches:
    once, twice = _in_odd_lines(largest_batch), _in_odd_lines(2 * largest_batch)
    return Batches(
        members=np.empty((m, once), np.int64),
        prefilling=np.empty((m, once), np.int64),
        finish_step=np.empty((m, once), np.int64),
        finish_request=np.empty((m, once), np.int64),
        ending=np.empty((m, twice), np.int64),
        returning=np.empty((m, once), np.int64),
        crossing=np.zeros((m, block_size_tokens), np.int64),
        fill_head=np.full((m, block_size_tokens), -1, np.int64),
    )


def _new_store(m: int, blocks: Int64Vector, n_segments: int, *, holds_pieces: bool) -> BlockStore:
    room = 256 + int(min(m * n_segments, _MOST_FIRST_RUNS))
    store = BlockStore(
        counters=np.array([m, -1, 0, n_segments, 0, -1], np.int64),
        runs=records(RUN_FIELDS, m + room),
        slots=records(SLOT_FIELDS, 1 << (4 * room - 1).bit_length()),
        pieces=records(PIECE_FIELDS, room if holds_pieces else 0),
    )
    store.runs.previous[:m] = store.runs.next[:m] = np.arange(m)
    store.runs.keyless_after[:m] = blocks
    return store
