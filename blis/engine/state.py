"""The whole state of a simulation as a few arrays, so that it can be stopped, copied and continued.

Shapes: n requests, m instances, b largest batch, B block size, K scorers; growable arrays have spare room at their end.
Requests are indexed by their position in the order of arrival. What the records hold say the files whose names
end in `_fields`.
"""

from typing import NamedTuple

import numpy as np

from blis.engine.records import Records
from blis.foundation.units import Float64Vector, Int64Vector


class Workload(NamedTuple):
    """What arrives; never changed, shared by all copies of a simulation."""

    table: Records  # (n,) WORKLOAD_FIELDS
    segment_offsets: Int64Vector  # (n + 1,)
    segments: Int64Vector  # (segment_offsets[n],) that a request's leading blocks consist of, see workload.segments
    segment_first: Int64Vector  # (number of segments,) place of the first block in the sequences that have it
    segment_end: Int64Vector  # (number of segments,) one behind that of the last


class Batches(NamedTuple):
    """What each instance's batch consists of."""

    members: Int64Vector  # (m, b) requests in the order of taking
    prefilling: Int64Vector  # (m, b) those of them that still compute their prompt
    finish_step: Int64Vector  # (m, b) heap of decoding requests by last step
    finish_request: Int64Vector  # (m, b)
    ending: Int64Vector  # (m, 2 b) whose last token is under way, in the order of its step
    returning: Int64Vector  # (m, b) preempted while a step that serves them was under way, in the order of preemption
    crossing: Int64Vector  # (m, B) decoding requests that need a block in steps of this phase
    fill_head: Int64Vector  # (m, B) decoding requests whose keyed block fills in steps of this phase


class BlockStore(NamedTuple):
    """Runs of keyed blocks, an index from (segment, instance) to them, and one list per instance from oldest to newest.

    Blocks without a key cannot be told apart, so lists hold them as counts: `keyless_after[x]` blocks follow run x.
    Runs 0..m-1 are the heads of the lists. The same structure serves the instances' free lists and the
    router's index of what it sent where, which has no pieces.
    """

    counters: Int64Vector  # (6,) runs and pieces: see the places below
    runs: Records  # growable; RUN_FIELDS
    slots: Records  # (power of two,) SLOT_FIELDS
    pieces: Records  # growable; PIECE_FIELDS


class Kept(NamedTuple):
    """What an eviction policy knows of free blocks; without one that ranks them the arrays are empty."""

    runs: Records  # (as many as the cache's runs,) KEPT_FIELDS
    queues: Records  # (m · MOST_QUEUES,) QUEUE_FIELDS
    frequencies: np.ndarray  # uint8 (m · SKETCH_ROWS · width,) see blis.engine.frequencies
    users: Int64Vector  # by segment the requests that have it, see blis.engine.next_use


class SeenCache(NamedTuple):
    """Which segments changed since the router last read the prefix caches, and what it read then."""

    counters: Int64Vector  # (2,) generation, entries of this generation
    slots: Records  # (power of two,) SEEN_FIELDS


class Scratch(NamedTuple):
    """Room for one decision or one step; survives a stop, but means nothing after it."""

    cluster: Int64Vector  # see blis.engine.loop for the places
    step: Int64Vector  # see blis.engine.batch for the places
    routing_queue: Int64Vector  # (n,) admitted requests in order; more where one can be sent on several times
    eligible: Int64Vector  # (m,) candidates of the decision, increasing, as many as `scratch.cluster` says
    kept: Int64Vector  # (m,) 1 for those of the candidates that a filter keeps
    effective_load: Int64Vector  # (m,)
    cached_blocks: Int64Vector  # (m,)
    affinity_blocks: Int64Vector  # (m,)
    adapter_use: Int64Vector  # (m,) see blis.engine.adapters
    adapters_in_use: Int64Vector  # (m,)
    expected_ttft_us: Float64Vector  # (m,) see blis.engine.prediction
    expected_itl_us: Float64Vector  # (m,)
    tiered_blocks: Float64Vector  # (m,) see blis.engine.tier_router
    scores: Float64Vector  # (m,) composite scores of the last routing decision
    scorer_scores: Float64Vector  # (K, m)
    hits: Int64Vector  # (largest sequence in blocks + 1, 2) runs that were found, and where what is found of each ends
    members: Int64Vector  # (2 b + 1,) requests that finish their text, or leave, in this step
    order: Int64Vector  # (n or 1,) waiting requests as a heap, when the order changes over time
    candidates: Float64Vector  # (6, b) what the victim's choice may see
    tier_hits: Int64Vector  # (hits, 2) tier of each part that was found in one, and where the part ends
    tier_counts: Int64Vector  # (MOST_TIERS,) blocks of them in each tier
    tier_leading: Int64Vector  # (MOST_TIERS,) leading blocks of them in each tier or a nearer one


class StepLog(NamedTuple):
    """Step lengths with their decode tokens, run-length coded, and what differs from step to step."""

    counters: Int64Vector  # (3,) entries, lost entries, pauses
    entries: Records  # growable; LOG_FIELDS
    lost: Records  # growable; LOST_FIELDS: one decode token in each of these steps is of a part of a life that ended
    pauses: Records  # growable; PAUSE_FIELDS: tokens that came later than one step after the one before


class TraceLog(NamedTuple):
    """What was decided; without a trace the arrays are empty."""

    counters: Int64Vector  # (2,) preemptions, samples
    admissions: Records  # (n,) ADMISSION_FIELDS in order of admission
    routings: Records  # (n,) ROUTING_FIELDS in order of routing
    scores: np.ndarray  # float64 (n, m) what the policy thought of each instance; decisions only, as those below
    scorer_scores: np.ndarray  # float64 (n, K, m)
    expected_ttft_us: np.ndarray  # float64 (n, m) by the reference model
    preemptions: Records  # growable; PREEMPTION_FIELDS
    samples: Records  # growable; SAMPLE_FIELDS
    claim_roots: Int64Vector  # (2, m) of the trees of waiting requests, by age and by urgency; see blis.engine.claims
    claims: Records  # (2 n,) CLAIM_FIELDS: nodes of the trees by age, then of those by urgency


class Learned(NamedTuple):
    """What instances have learned from what they served, where a policy asks for it; else the arrays are empty."""

    requests: Records  # (n,) OUTLOOK_FIELDS
    lengths: Records  # (m (kinds + 1),) LENGTH_FIELDS
    tenants: Records  # (m · tenants,) SERVICE_FIELDS


class Fleet(NamedTuple):
    """Instances that come and go, and what is known of them; where none does the arrays are empty."""

    pools: Records  # (number of pools,) POOL_FIELDS
    read: Records  # (m,) INSTANCE_FIELDS, as they were when the policy of scaling last read them
    wanted: Int64Vector  # (number of pools,) instances that the policy wants
    failures: Records  # (number of failures,) FAILURE_FIELDS in the order of time
    events: Records  # growable; FLEET_EVENT_FIELDS


class Gateway(NamedTuple):
    """The queue in front of the router; without one most arrays are empty."""

    places: Int64Vector  # see blis.engine.codes
    requests: Records  # (n,) GATED_FIELDS
    flows: Records  # (bands · tenants,) FLOW_FIELDS
    bands: Records  # (bands,) BAND_FIELDS
    tenants: Records  # (tenants,) TENANT_FIELDS
    in_flight_tokens: Int64Vector  # (m,) prompts of the requests that were sent there and have not ended
    heads: np.ndarray  # float64 (fields of FlowsView, tenants) what the fairness policy chooses among


class Adapters(NamedTuple):
    """Which adapters instances hold, and who asks for them; where none does the arrays are empty."""

    holders: Records  # (m,) HOLDER_FIELDS
    residents: Records  # (m · adapters,) RESIDENT_FIELDS
    requests: Records  # (n,) ADAPTED_FIELDS
    read_in_use: Int64Vector  # (m,) as the router last read it, where signals are not live
    read_use: Int64Vector  # (m · adapters,) the same


class Tiers(NamedTuple):
    """Devices beneath the GPUs that hold KV blocks; without tiers most arrays are empty."""

    devices: Records  # (tiers · m,) DEVICE_FIELDS
    channels: Records  # (2 · tiers · m,) CHANNEL_FIELDS
    runs: Records  # (as many as the store's runs,) TIER_RUN_FIELDS
    frames: Int64Vector  # (MOST_TIERS, N_FRAME_PLACES) writes that make room for each other, see tier_writes


class Swap(NamedTuple):
    """What preempted requests have in the host's memory; where they compute anew the arrays are empty."""

    requests: Records  # (n,) SWAPPED_FIELDS
    spaces: Records  # (m,) SPACE_FIELDS
    channels: Records  # (2 · m,) CHANNEL_FIELDS


class Transfers(NamedTuple):
    """KV on its way from the instance that computed a prompt to the one that decodes."""

    places: Int64Vector  # see blis.engine.codes
    legs: Records  # (n,) LEG_FIELDS where the cluster divides prefill and decode, else (0,)


class Encoding(NamedTuple):
    """Encoders of images, audio and video; without them most arrays are empty."""

    places: Int64Vector  # see blis.engine.codes
    instances: Records  # (m,) ENCODER_FIELDS
    requests: Records  # (n,) ENCODED_FIELDS


class State(NamedTuple):
    """Everything that moves."""

    requests: Records  # (n,) REQUEST_FIELDS
    drafts: Records  # (n,) DRAFT_FIELDS where an instance drafts, else (0,)
    awaiting: Records  # (n,) AWAITING_FIELDS where requests may wait for KV, else (0,)
    patience: Records  # (n,) PATIENCE_FIELDS where clients give up on what is on instances, else (0,)
    instances: Records  # (m,) INSTANCE_FIELDS
    signals: Records  # (m,) the same, as the router last read them; the instances themselves when signals are live
    batches: Batches
    cache: BlockStore
    router: BlockStore
    kept: Kept
    ghosts: BlockStore  # what has been evicted, one list for each instance and queue, see blis.engine.ghosts
    prompts: np.ndarray  # int64 (m, 3, 1 + classes) that the router sent and waits on, see blis.engine.sent_prompts
    sessions: Int64Vector  # (sessions,) instance that the last request of each was sent to; -1
    seen: SeenCache
    scratch: Scratch
    log: StepLog
    trace: TraceLog
    learned: Learned
    fleet: Fleet
    gateway: Gateway
    adapters: Adapters
    tiers: Tiers
    tier_store: BlockStore  # what lies on their devices, see blis.engine.tier_store
    transfers: Transfers
    swap: Swap
    encoding: Encoding


RUNS_MADE, RUN_RECYCLED, INDEXED, NEXT_OWN_SEGMENT, PIECES_MADE, PIECE_RECYCLED = range(6)
MOST_QUEUES = 3  #: in which an eviction policy may keep an instance's free blocks
MOST_TIERS = 4  #: beneath the GPUs of an instance
N_FRAME_PLACES = 5  #: numbers that a write to a tier is
SKETCH_ROWS = 4  #: of independent hashes that count uses
LOG_ENTRIES, LOST_ENTRIES, PAUSES = range(3)  # places of the step log's counters
