"""The knowledge boundary: what each decision may see, and the signature of each decision.

No view holds a request's true output length, a later arrival, or the clock of the host. Arrays are indexed
by instance and must not be written to. `params` is the answer's own float64 vector, `memory` its own float64
state.
"""

from typing import NamedTuple

import numpy as np
from numba import types

from blis.engine.batch_sums import BatchSums
from blis.engine.line import Line
from blis.engine.records import Records
from blis.engine.reference import Reference, caller_of
from blis.engine.state import Workload
from blis.foundation.units import Float64Vector, Int64Vector


class RequestView(NamedTuple):
    """One request as every decision may see it."""

    request: int  #: position in the order of arrival
    arrival_us: int
    input_tokens: int  #: whole prompt
    prompt_blocks: int  #: whole KV blocks of the prompt
    slo_class: int  #: index into blis.foundation.slo.CLASSES
    tenant: int  #: index of the tenant
    session: int  #: index of the session, -1 for none
    round: int  #: turn within the session
    prompt: int  #: equal for equal prompts
    preemptions: int  #: so far
    priority: float  #: as last computed; larger is more urgent
    ttft_target_us: int = 0  #: from its arrival, when its first token is due; `NO_TARGET_US` if it never is
    expected_output_tokens: float = 0.0  #: of what is alike and has completed; 0 before that, and where nobody asks
    itl_target_us: int = 0  #: mean time between its tokens that it is promised; `NO_TARGET_US` if it is not
    adapter: int = -1  #: number of the adapter (LoRA) that it is computed with; -1 none


class RouterView(NamedTuple):
    """The cluster as the router sees it: reported signals may be old, its own bookkeeping never is."""

    clock_us: int
    n_instances: int
    candidates: Int64Vector  #: (≥ 1,) instances that the request may be sent to, increasing; at an admission maybe none
    block_size_tokens: int
    is_known: Int64Vector  #: 0 for an instance whose reported signals were never read
    queued_requests: Int64Vector  #: reported; wait queue's length
    running_requests: Int64Vector  #: reported; batch size
    queued_tokens: Int64Vector  #: reported; prompt tokens in the wait queue
    used_blocks: Int64Vector  #: reported; KV blocks in use (cached free blocks are free)
    total_blocks: Int64Vector  #: KV blocks there are
    cache_hits: Int64Vector  #: reported; blocks, since the start
    cache_misses: Int64Vector  #: reported; blocks, since the start
    preemptions: Int64Vector  #: reported; since the start
    step_us: Int64Vector  #: reported; length of the last step
    pending_requests: Int64Vector  #: routed there, not yet in its queue
    in_flight_requests: Int64Vector  #: routed there, not yet finished
    effective_load: Int64Vector  #: requests there, as the semantics count them
    cached_blocks: Int64Vector  #: leading prompt blocks in its cache; may be old
    affinity_blocks: Int64Vector  #: leading prompt blocks that the router sent there before
    last_cold_use: Int64Vector  #: rank of the last request without any cached prefix sent there; -1 never
    last_routed: Int64Vector  #: routing rank of the last request sent there; -1 never
    last_routed_us: Int64Vector  #: when that was; 0 never
    running_context_tokens: Int64Vector  #: reported; tokens held by the decodes of its batch
    sent_tokens: Int64Vector  #: prompt tokens sent there, taken for uncached, of requests without a first token
    sent_prompts: np.ndarray  #: (n_instances, classes) those requests by class
    session_instance: int  #: where the session's request before this one was sent; -1 nowhere
    expected_ttft_us: Float64Vector  #: from now, if the request is sent there, see blis.engine.prediction
    expected_itl_us: Float64Vector  #: mean time between tokens, if the request is sent there
    tie_draw: int  #: drawn for the request: which of equals is chosen, see blis.engine.choice
    draw: int  #: another, of 32 bits, for policies that choose at random
    n_scorers: int
    scorer_scores: np.ndarray  #: (n_scorers, n_instances) what the policy's scorers said
    roles: Int64Vector  #: what each instance does, in bits: see blis.foundation.roles
    context_low_tokens: Int64Vector  #: prompts that it is meant for, from so many tokens; -1: any
    context_high_tokens: Int64Vector  #: and up to so many
    tiered_blocks: Float64Vector  #: leading prompt blocks on its GPU or in tiers beneath, by what each is worth there
    adapter_use: Int64Vector  #: reported; 2 where running requests use the request's adapter, 1 where waiting ones will
    adapters_in_use: Int64Vector  #: reported; adapters of running requests, and those of waiting ones: both count twice
    adapter_slots: Int64Vector  #: adapters that a batch may use at a time; 0 where none is served


class QueueView(NamedTuple):
    """An instance as its own scheduler sees it, and what it knows of the request that it is asked about.

    The latter is worked out only where `NEEDS` asks for it, and else 0.
    """

    clock_us: int
    instance: int
    queued_requests: int
    running_requests: int
    free_blocks: int
    total_blocks: int
    uncached_tokens: int = 0  #: that the request has to compute before its next token: neither cached nor stored
    tenant_input_tokens: int = 0  #: prompts of the request's tenant that were taken here
    tenant_written_tokens: int = 0  #: what the tenant's requests have written here
    tenant_lift: float = 0.0  #: added to its counter when it came back, see `blis.policies.scheduling`


class BatchView(NamedTuple):
    """Running requests that may have to give way, in the order of taking; arrays of length n_candidates."""

    clock_us: int
    n_candidates: int
    priority: Float64Vector  #: as last computed; larger is more urgent
    arrival_us: Float64Vector
    input_tokens: Float64Vector
    stored_tokens: Float64Vector  #: tokens in the cache
    preemptions: Float64Vector  #: so far
    request: Float64Vector  #: position in the order of arrival


class BlocksView(NamedTuple):
    """Free blocks of one run, as the policy that ranks them sees them, and the queues of their instance.

    `rank` and `queue` are asked about blocks that the request given here has just given back; `give_way` about an
    instance on which blocks are lacking, and then what is said of blocks and a request means nothing.
    """

    clock_us: int
    instance: int
    total_blocks: int  #: KV blocks of the instance
    blocks: int  #: in the run
    first_block: int  #: place of its first block in the sequences that have it
    uses: int  #: requests that have given them back, this one included
    frequency: int  #: how often they were used lately, evicted or not; 0 where `NEEDS` does not ask
    since_us: int  #: when they were first given back
    in_queue: int  #: where they were when they were last free; -1: they never were
    ghost_queue: int  #: from where they had been evicted before they were computed again; -1: nobody remembers
    ghost_blocks_found: int  #: of them, those that are remembered so
    request: int  #: position in the order of arrival
    slo_class: int  #: its; index into blis.foundation.slo.CLASSES
    tenant: int  #: its
    session: int  #: its; -1 for none
    round: int  #: its turn within the session
    returns: int  #: 1: it was preempted, and will ask for them again
    draw: int  #: drawn for the run, of 32 bits
    next_use_us: int  #: the future: when a request with them arrives; NEVER_US; only for a file that is CLAIRVOYANT
    evicted_key: float  #: of the run that the instance evicted last, from the first queue
    queue_blocks: Int64Vector  #: (MOST_QUEUES,) in each queue; those in use count where they were last
    ghost_blocks: Int64Vector  #: (MOST_QUEUES,) that are remembered to have been evicted from it
    head_blocks: Int64Vector  #: (MOST_QUEUES,) of the run that would go first; 0: none of the queue can go
    head_frequency: Int64Vector  #: (MOST_QUEUES,) that run's frequency


class TieringView(NamedTuple):
    """A request about to be taken into the batch, and what the tiers beneath the GPU have of it."""

    clock_us: int  #: when its load would begin
    instance: int
    request: int  #: position in the order of arrival
    slo_class: int  #: index into blis.foundation.slo.CLASSES
    tenant: int
    round: int  #: turn within the session
    input_tokens: int  #: whole prompt
    block_size_tokens: int
    cached_blocks: int  #: leading blocks that the GPU has
    found_blocks: int  #: behind them, that tiers have, one after the other
    load_us: int  #: until all of those could be there, with what waits before them
    compute_us: int  #: that computing them would add to a step that computes the rest of the text
    queued_requests: int
    running_requests: int
    total_blocks: int  #: KV blocks of the GPUs
    used_blocks: int  #: of those
    leading_blocks: Int64Vector  #: (MOST_TIERS,) of those found, up to the first that lies further away than the tier


class GatewayView(NamedTuple):
    """The queue in front of the router, and the band that is asked about; where none is, its fields are 0."""

    clock_us: int
    queued_requests: int  #: that wait at the gateway
    queued_tokens: int  #: of their prompts
    in_transit_requests: int  #: sent on, not yet at an instance: no count of an instance has them
    in_transit_tokens: int  #: of their prompts
    in_flight_tokens: Int64Vector  #: of each instance: prompts that were sent there, of requests that have not ended
    report_age_us: int  #: time since the instances were read; 0 where signals are live
    saturation: float  #: as just measured
    band: int  #: place of the band among the active ones, 0 the most urgent
    n_bands: int  #: active ones: those that are configured, and those that a request has come for
    urgency: float  #: of the band
    most_urgency: float  #: of the active bands
    least_urgency: float
    band_queued_requests: int  #: that wait in it
    ttl_us: int  #: how long a request may wait; `NEVER_US`: for ever


class FlowsView(NamedTuple):
    """The tenants of one band that have a request waiting; arrays of length n_flows, in no order."""

    clock_us: int
    n_flows: int
    n_tenants: int  #: of the whole workload, those who never wait included
    last_tenant: int  #: that a request of the band was last sent of; -1 none
    tenant: Float64Vector  #: its number
    head_key: Float64Vector  #: of its first request, by the order within the queue; smaller is first
    head_rank: Float64Vector  #: how many requests joined the queue before that one
    head_enqueued_us: Float64Vector  #: when that one did
    head_input_tokens: Float64Vector  #: of that one's prompt
    queued_requests: Float64Vector  #: of the tenant, in this band
    active_since_us: Float64Vector  #: since when the tenant has had requests waiting, in whatever band
    dispatched_requests: Float64Vector  #: of the tenant, so far
    input_tokens: Float64Vector  #: prompts of those
    written_tokens: Float64Vector  #: outputs of its completed requests
    served_us: Float64Vector  #: when the last of those completed


class DisaggregationView(NamedTuple):
    """What a decision to divide a request may see beside the router's view, which is that of the decode decision."""

    decode_instance: int  #: chosen for the request
    prefill_instance: int  #: that would compute its prompt; -1 unless `SEES_PREFILL_INSTANCE` asks for it
    cached_tokens: int  #: of its prompt, in the decode instance's cache; 0 unless `NEEDS` asks for cached_blocks
    prefill_instances: int  #: ≥ 1, that may compute prompts for it
    prefill_tokens: int  #: prompts that wait at these or are on their way there
    prefill_requests: int  #: that wait or run at these, or are on their way there
    prefill_budget_tokens: int  #: that these compute in a step, together
    chosen_prefill_tokens: int  #: as `prefill_tokens`, of the prefill instance alone
    chosen_budget_tokens: int  #: as `prefill_budget_tokens`, of the prefill instance alone
    decode_instances: int  #: ≥ 1, candidates of the decode decision
    decode_tokens: int  #: prompts that wait at these or are on their way there
    decode_requests: int  #: that wait, run, wait for KV, are on their way there or promised to these
    decode_slots: int  #: requests that these may run, together
    decode_budget_tokens: int  #: that the decode instance computes in a step
    decode_running_requests: int  #: on the decode instance
    decode_instance_slots: int  #: requests that it may run
    transfers: int  #: on their way
    first_tokens: int  #: of divided requests so far
    late_first_tokens: int  #: those of them that came later than promised


class EncodingView(NamedTuple):
    """What a decision to encode apart may see beside the router's view, whose candidates encode."""

    target_instance: int  #: that is to compute the prompt
    encoder_tokens: int  #: ≥ 1, of the prompt that are images, audio and video
    encode_instances: int  #: ≥ 1, that may encode for it
    encode_requests: int  #: that wait or are served at these
    encode_tokens: int  #: of media, that wait at these
    encode_budget_tokens: int  #: that these encode in a pass, together
    target_queued_requests: int  #: that wait at the target or are on their way there
    target_queued_tokens: int  #: of their prompts
    target_running_requests: int
    target_budget_tokens: int  #: that the target computes in a step
    transfers: int  #: of embeddings, on their way


_FLOW_NUMBERS = ("clock_us", "n_flows", "n_tenants", "last_tenant")
#: Rows of `gateway.heads`, one for each array of the view.
N_FLOW_COLUMNS = len(FlowsView._fields) - len(_FLOW_NUMBERS)

_VECTOR = types.float64[::1]
_COUNTS = types.int64[::1]
_REPORTED = types.int64[:]  # a field of an array of records
_INTEGER = types.int64


def named_type(view: type, fields: dict[str, object]) -> types.NamedTuple:
    """Numba's type of `view`, from the types of the fields that are not int64 scalars."""
    kinds = [fields.get(name, _INTEGER) for name in view._fields]  # type: ignore[attr-defined]
    if len(set(kinds)) == 1:
        return types.NamedUniTuple(kinds[0], len(kinds), view)
    return types.NamedTuple(kinds, view)


_SCALARS = ("clock_us", "n_instances", "block_size_tokens", "session_instance", "tie_draw", "draw", "n_scorers")
_REQUEST_VIEW = named_type(RequestView, dict.fromkeys(("priority", "expected_output_tokens"), types.float64))
_ROUTER_VIEW = named_type(
    RouterView,
    {name: _REPORTED for name in RouterView._fields if name not in _SCALARS}
    | dict.fromkeys(("candidates", "effective_load", "cached_blocks", "affinity_blocks"), _COUNTS)
    | dict.fromkeys(("adapter_use", "adapters_in_use"), _COUNTS)
    | dict.fromkeys(("expected_ttft_us", "expected_itl_us", "tiered_blocks"), _VECTOR)
    | {"sent_prompts": types.int64[:, :], "scorer_scores": types.float64[:, ::1]},
)
_QUEUE_VIEW = named_type(QueueView, {"tenant_lift": types.float64})
BATCH_VIEW = named_type(
    BatchView, {name: _VECTOR for name in BatchView._fields if name not in ("clock_us", "n_candidates")}
)
_BLOCKS_VIEW = named_type(
    BlocksView,
    {"evicted_key": types.float64}
    | dict.fromkeys(("queue_blocks", "ghost_blocks", "head_blocks", "head_frequency"), _REPORTED),
)
_TIERING_VIEW = named_type(TieringView, {"leading_blocks": _COUNTS})
_GATEWAY_VIEW = named_type(
    GatewayView,
    {"in_flight_tokens": _COUNTS}
    | dict.fromkeys(("saturation", "urgency", "most_urgency", "least_urgency"), types.float64),
)
_FLOWS_VIEW = named_type(FlowsView, {name: _VECTOR for name in FlowsView._fields if name not in _FLOW_NUMBERS})
BATCH_SUMS = named_type(BatchSums, {})
_LINE = named_type(Line, dict.fromkeys(("time_us", "per_token_us"), types.float64))

_DISAGGREGATION_VIEW = named_type(DisaggregationView, {})
_ENCODING_VIEW = named_type(EncodingView, {})

# Router views are large, so they are handed over by reference.
ROUTER_VIEW, REQUEST_VIEW, QUEUE_VIEW = Reference(_ROUTER_VIEW), Reference(_REQUEST_VIEW), Reference(_QUEUE_VIEW)
DISAGGREGATION_VIEW, ENCODING_VIEW = Reference(_DISAGGREGATION_VIEW), Reference(_ENCODING_VIEW)
BLOCKS_VIEW, GATEWAY_VIEW, FLOWS_VIEW = Reference(_BLOCKS_VIEW), Reference(_GATEWAY_VIEW), Reference(_FLOWS_VIEW)
TIERING_VIEW = Reference(_TIERING_VIEW)

#: The signature of each folder's verb.
ADMIT = _INTEGER(ROUTER_VIEW, REQUEST_VIEW, _VECTOR, _VECTOR)
KEEP = types.void(ROUTER_VIEW, REQUEST_VIEW, _VECTOR, _COUNTS)
SCORE = types.void(ROUTER_VIEW, REQUEST_VIEW, _VECTOR)
ROUTE = _INTEGER(ROUTER_VIEW, REQUEST_VIEW, _VECTOR, _VECTOR, _VECTOR)
PRIORITISE = types.float64(QUEUE_VIEW, REQUEST_VIEW, _VECTOR, _VECTOR)
ORDER = types.float64(QUEUE_VIEW, REQUEST_VIEW, _VECTOR, _VECTOR)
VICTIM = _INTEGER(BATCH_VIEW, _VECTOR, _VECTOR)
RANK = types.float64(BLOCKS_VIEW, _VECTOR, _VECTOR)
CHOOSE_QUEUE = _INTEGER(BLOCKS_VIEW, _VECTOR, _VECTOR)  # also that of `give_way`
MEASURE = types.float64(ROUTER_VIEW, GATEWAY_VIEW, _VECTOR, _VECTOR)
CHOOSE = _INTEGER(FLOWS_VIEW, _VECTOR, _VECTOR)
ORDER_QUEUE = types.float64(GATEWAY_VIEW, REQUEST_VIEW, _VECTOR, _VECTOR)
LIMIT = types.float64(GATEWAY_VIEW, _VECTOR, _VECTOR)
LOAD = _INTEGER(TIERING_VIEW, _VECTOR, _VECTOR)
DISAGGREGATE = _INTEGER(ROUTER_VIEW, DISAGGREGATION_VIEW, REQUEST_VIEW, _VECTOR, _VECTOR)
ENCODE_APART = _INTEGER(ROUTER_VIEW, ENCODING_VIEW, REQUEST_VIEW, _VECTOR, _VECTOR)
STEP_TIME = _INTEGER(BATCH_SUMS, _VECTOR)
DECODE_LINE = _LINE(_INTEGER, _INTEGER, _VECTOR)

#: Places of the answers' addresses: the questions in their order, then what prices steps. The scorers follow from
#: FIRST_SCORER, after them the filters, then the scorers of who computes prompts, then those of who encodes. SCALES and
#: SWAPS are called as `blis.engine.fleet_view` and `blis.engine.swap_view` say, EVICTS_TIER and WRITES_TIERS before the
#: first event alone (`blis.policies.tier_rules`). RANKS_URGENCY is the priority that the chosen one stands for:
#: inversions are judged by it.
(
    ADMITS, ROUTES, PRIORITISES, ORDERS, NAMES_VICTIM, RANKS_BLOCKS, SCALES, MEASURES, CHOOSES, ORDERS_QUEUE, LIMITS,
    LOADS, EVICTS_TIER, WRITES_TIERS, SWAPS, DISAGGREGATES, ROUTES_PREFILL, ENCODES, ROUTES_ENCODER, TIMES_STEP,
    TIMES_DECODES, RANKS_URGENCY, CHOOSES_QUEUE, GIVES_WAY, FIRST_SCORER,
) = range(25)  # fmt: skip

admit_at = caller_of(ADMIT)
route_at = caller_of(ROUTE)
prioritise_at = caller_of(PRIORITISE)
order_at = caller_of(ORDER)
victim_at = caller_of(VICTIM)
rank_at = caller_of(RANK)
choose_queue_at = caller_of(CHOOSE_QUEUE)
measure_at = caller_of(MEASURE)
choose_at = caller_of(CHOOSE)
order_queue_at = caller_of(ORDER_QUEUE)
limit_at = caller_of(LIMIT)
load_at = caller_of(LOAD)
disaggregate_at = caller_of(DISAGGREGATE)
encode_at = caller_of(ENCODE_APART)
step_time_at = caller_of(STEP_TIME)
decode_line_at = caller_of(DECODE_LINE)
score_at = caller_of(SCORE)
keep_at = caller_of(KEEP)

#: Rows of the parameters and of the memory, in the order of `blis.foundation.answers.QUESTIONS`. Parameters have a
#: further row for each filter that is asked, from FIRST_FILTER on.
(
    ADMISSION, ROUTING, FILTERING, PRIORITY, SCHEDULING, PREEMPTION, EVICTION, SCALING, SATURATION, FAIRNESS,
    QUEUE_ORDER, CEILING, TIERING, TIER_EVICTION, TIER_WRITING, PREEMPTION_MODE, DISAGGREGATION, PREFILL_ROUTING,
    ENCODING, ENCODE_ROUTING, FIRST_FILTER,
) = range(21)  # fmt: skip


class World(NamedTuple):
    """Everything a kernel reads beside the state."""

    workload: Workload
    settings: Records  # one record
    limits: Records  # (m,)
    answers: Int64Vector  # addresses of the compiled answers
    parameters: np.ndarray  # float64 (questions and filters, widest) one row each
    memory: np.ndarray  # float64 (questions, widest) state of the answers; copied when the simulation is
    coefficients: np.ndarray  # float64 (m, k) of the latency model
