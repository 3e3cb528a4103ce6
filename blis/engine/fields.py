"""The fields of records: type, initial value, unit and meaning; those of caches and logs have files of their own.

Each kind of thing has one array of records, whose fields read like separate arrays: `requests.status[r]`.
(numba hands every array of an argument over as seven values; with an array for each field the loop took
minutes to compile. A request's fields also share its cache lines this way.)
"""

from typing import Any

import numpy as np

from blis.engine.codes import NEVER_US, NOT_STARTED, WARM
from blis.engine.records import Records, dtype_of, records
from blis.foundation.units import Int64Vector

_I, _F = np.int64, np.float64

# name: (dtype, initial value); the comment gives unit and meaning.
WORKLOAD_FIELDS = {
    "arrival_us": (_I, 0),
    "input_tokens": (_I, 0),  # whole prompt
    "prompt_blocks": (_I, 0),  # its whole blocks
    "output_tokens": (_I, 0),  # true lengths: no view shows them
    "prompt": (_I, 0),  # identity of the whole prompt
    "number": (_I, 0),  # the request's name is request_<number>
    "slo_class": (_I, 0),  # index into blis.foundation.slo.CLASSES
    "tenant": (_I, 0),
    "kind": (_I, 0),  # number of the pair of tenant and class: whose outputs tell about each other's
    "itl_target_us": (_I, 0),  # mean time between its tokens that it is promised, see blis.foundation.slo_targets
    "ttft_target_us": (_I, 0),  # within which its first token is due, see blis.foundation.slo_targets
    "model": (_I, -1),  # that it asks for: its place among the names that the cluster serves; -1: whichever is served
    "adapter": (_I, -1),  # of the model's weights (LoRA) that it is computed with; -1: none
    "encoder_tokens": (_I, 0),  # of its prompt that are images, audio and video
    "session": (_I, 0),
    "turn": (_I, 0),  # of the session, from 0
    "think_us": (_I, 0),  # from the end of the request that it follows to its arrival
    "first_follower": (_I, -1),  # request whose arrival waits for the end of this one; -1
    "next_follower": (_I, -1),  # another that waits for the same; -1
}

LIMIT_FIELDS = {
    "total_blocks": (_I, 0),
    "max_running_requests": (_I, 0),
    "step_token_budget": (_I, 0),
    "decodes_at_once": (_I, 0),  # that a step can serve together: as many as its budget, none where they have drafts
    "long_prefill_threshold_tokens": (_I, 0),  # 0: none
    "max_model_len_tokens": (_I, 0),  # 0: none
    "async_scheduling": (_I, 0),  # two steps are under way at a time
    "watermark_blocks": (_I, 0),  # that must stay free when a request joins others
    "reserve_full_isl": (_I, 0),  # a request is taken if its whole prompt fits
    "prefix_caching": (_I, 0),  # blocks can be found again
    "queueing_us": (_F, 0),
    "queueing_us_per_token": (_F, 0),
    "output_token_us": (_I, 0),
    "completion_us": (_I, 0),
    "least_step_us": (_I, 0),  # no step takes less
    "draft_tokens": (_I, 0),  # drafted for each decode; 0: none
    "acceptance_rate": (_F, 0),  # probability of a draft to be accepted, given that those before it were
    "kv_kind": (_I, 0),  # instances of one kind can use each other's KV
    "kv_bytes_per_token": (_F, 0),  # on each GPU; 0: unknown
    "kv_layers": (_I, 1),
    "roles": (_I, 3),  # what it does, in bits, see blis.foundation.roles
    "context_low_tokens": (_I, -1),  # prompts that it is meant for, from so many tokens; -1: any
    "context_high_tokens": (_I, -1),  # and up to so many
    "serves": (_I, 0),  # bit k: requests may ask here for the model of place k
    "drafting_us": (_I, 0),  # that a step with drafts takes longer by their making
    "max_loras": (_I, 0),  # adapters that the batch may use at a time: slots on the GPU; 0: it serves none
    "max_cpu_loras": (_I, 0),  # that the host's memory holds, those with a slot included
    "lora_host_load_us": (_I, 0),  # from the host's memory into a slot
    "lora_disk_load_us": (_I, 0),  # from disk into the host's memory
    "lora_step_us": (_F, 0.0),  # by which a step with adapters is longer
    "lora_adapter_us": (_F, 0.0),  # and by each adapter that it uses
    "lora_token_us": (_F, 0.0),  # and by each token that it computes with one
    "encoder_base_us": (_F, 0.0),  # of each pass of the encoder
    "encoder_token_us": (_F, 0.0),  # of each token of media that it gives
    "embedding_token_bytes": (_F, 0.0),  # of what is sent for each of these, where the instance encodes for others
}

# Numbers that hold for a whole run; one record.
SETTING_FIELDS = {
    "n_instances": (_I, 0),
    "block_size_tokens": (_I, 0),
    "n_segments": (_I, 0),  # of shared blocks; those of a preempted request's own blocks follow them
    "admission_latency_us": (_I, 0),
    "routing_latency_us": (_I, 0),
    "snapshot_refresh_us": (_I, 0),  # 0: signals are live
    "cache_signal_delay_us": (_I, 0),  # 0: prefix signals are live
    "router_index_blocks": (_I, 0),  # that the router remembers of each instance; 0: as many as the instance has
    "tie_key": (_I, 0),  # how ties between instances are broken, see blis.engine.choice
    "draw_key": (_I, 0),  # from which policies draw that choose at random, see blis.engine.choice
    "acceptance_key": (_I, 0),  # from which drafts are accepted, see blis.engine.drafts; NO_DRAFTS: there are none
    "horizon_us": (_I, 0),
    "max_events": (_I, 0),
    "max_idle_preemptions": (
        _I,
        0,
    ),  # preemptions of an instance without a completion before it counts as stalled
    "queue_kind": (_I, 0),  # ARRIVAL_ORDER, FIXED_ORDER or CHANGING_ORDER
    "load_kind": (_I, 0),
    "n_scorers": (_I, 0),
    "n_filters": (_I, 0),
    "needs_cached_blocks": (_I, 0),  # a policy or the trace reads the instances' prefix caches
    "needs_tiered_blocks": (_I, 0),  # a policy reads what instances have in the tiers beneath their GPUs
    "needs_affinity": (_I, 0),  # a policy reads the router's own prefix index
    "needs_expected_output": (_I, 0),  # a policy reads how long outputs are likely to be
    "needs_uncached_tokens": (_I, 0),  # a policy of the queue reads what requests have to compute
    "needs_service": (_I, 0),  # a policy of the queue reads what tenants have got
    "sorts_after_each": (_I, 0),  # who is taken changes the order of the others
    "n_tenants": (_I, 0),
    "n_kinds": (_I, 0),
    "needs_prompts": (_I, 0),  # a policy reads which prompts the router sent that have no first token yet
    "needs_sessions": (_I, 0),  # a policy reads where sessions were last
    "needs_expectations": (_I, 0),  # a policy reads expected latencies
    "outputs_share_keys": (_I, 0),  # two requests may write the same keyed output
    "evicts_oldest": (_I, 0),  # blocks leave in the order of freeing; else as the eviction policy ranks them
    "n_queues": (_I, 0),  # in which that policy keeps them
    "ghost_permille": (_I, 0),  # of an instance's blocks, whose evictions from each queue are remembered
    "needs_frequency": (_I, 0),  # it reads how often blocks have been used lately
    "needs_next_use": (_I, 0),  # it reads when they will be used again, which nobody can know
    "ranks_victims": (_I, 0),  # the choice of a victim needs priorities
    "policy_scores": (_I, 0),  # the routing policy scores instances; else its score is minus the load
    "looks": (_I, 0),  # admission or routing reads the state of instances
    "restricts_candidates": (_I, 0),  # not every request may be sent to every instance at all times
    "effects_are_local": (_I, 0),  # what one instance does changes nothing for another
    "admits_all": (_I, 0),  # nobody is refused, whatever the view
    "asks_admission": (_I, 0),  # the kernel stops and lets Python decide
    "asks_routing": (_I, 0),
    "asks_order": (_I, 0),
    "asks_victim": (_I, 0),
    "record_routing": (_I, 0),
    "record_steps": (_I, 0),
    "trace_level": (_I, 0),  # NO_TRACE, TRACE_SUMMARY or TRACE_DECISIONS
    "urgency_kind": (_I, 0),  # BY_NOTHING, BY_QUEUEING or BY_PRIORITY
    "takes_urgent_first": (_I, 0),  # the order of taking is that of urgency
    "least_steps": (_I, 0),  # from being taken to the last token, of any request
    "has_fleet": (_I, 0),  # instances come and go
    "scales": (_I, 0),  # because a policy says so; else because they fail
    "asks_scaling": (_I, 0),
    "scaling_tick_us": (_I, 0),  # from one question to the next
    "reading_age_us": (_I, 0),  # of what instances report, when the policy decides on it
    "actuation_delay_us": (_I, 0),  # from a decision to what follows from it
    "hands_back": (_I, 0),  # who drains gives what it has not begun to the router again
    "n_pools": (_I, 0),
    "has_adapters": (_I, 0),  # requests ask for adapters, and instances hold them
    "n_adapters": (_I, 0),
    "needs_adapters": (_I, 0),  # a policy reads which adapters instances use
    "has_gateway": (_I, 0),  # admitted requests wait in a queue in front of the router
    "has_transfers": (_I, 0),  # the cluster can divide prefill and decode
    "disaggregates": (_I, 0),  # and a policy may
    "sees_prefill_instance": (_I, 0),  # that policy reads which instance would compute the prompt
    "n_prefill_scorers": (_I, 0),  # of the policy that chooses that instance
    "decode_first": (_I, 1),  # the decode instance is chosen before the prompt is computed; else again after it
    "transfer_base_us": (_I, 0),
    "transfer_bytes_per_ms": (_I, 1),
    "transfers_share": (_I, 0),  # those under way share the bandwidth
    "transfers_overlap": (_I, 0),  # layers are sent while the next are computed
    "has_encoder": (_I, 0),  # requests have images, audio or video, and encoding them takes time
    "encodes_apart": (_I, 0),  # and a policy may let other instances do it
    "n_encode_scorers": (_I, 0),  # of the policy that chooses among those
    "first_encode_scorer": (_I, 0),  # their place behind all scorers and filters
    "embedding_base_us": (_I, 0),  # of each transfer of embeddings
    "embedding_bytes_per_ms": (_I, 1),
    "embeddings_share": (_I, 0),  # those under way share the bandwidth
    "awaits_kv": (_I, 0),  # requests may wait for KV that comes from elsewhere, see blis.engine.awaiting_kv
    "gate_capacity_requests": (_I, 0),  # that may wait there; NEVER_US: any number
    "gate_ttl_us": (_I, 0),  # from the enqueueing, after which a waiting request expires; NEVER_US: it never does
    "gate_timeout_us": (_I, 0),  # from the arrival, after which the client of a waiting request gives up; NEVER_US
    "times_out": (_I, 0),  # clients give up on requests that are on instances
    "timeout_us": (_I, 0),  # from the arrival, after which they do
    "gate_tick_us": (_I, 0),  # between two cycles of dispatch
    "gate_sweep_us": (_I, 0),  # between two looks for those that have waited too long
    "gate_displaces": (_I, 0),  # a full queue lets go of somebody less urgent than who comes
    "gate_evicts": (_I, 0),  # running requests give way to more urgent ones that are held
    "gate_most_evictions": (_I, 0),  # at a time
    "gate_eviction_pause_us": (_I, 0),  # from one eviction to the next
    "gate_reads_reports": (_I, 0),  # the saturation follows from what instances report
    "gate_reads_records": (_I, 0),  # it follows from the router's own record of what it sent
    "gate_counts_cycles": (_I, 0),  # a ceiling changes from cycle to cycle
    "n_tiers": (_I, 0),  # beneath the KV blocks of the GPUs
    "shares_tier": (_I, 0),  # all instances share the last of them
    "tiers_load_apart": (_I, 0),  # who loads from them waits and takes no part in steps; else the step waits
    "tiers_written_through": (_I, 0),  # blocks go there when they are full, else when they are evicted
    "tiers_exclusive": (_I, 0),  # a block lies on the GPU or in one of the instance's own tiers
    "tiers_learning": (_I, 0),  # bit t: tier t evicts as ARC does, else what was least recently used
    "tiers_prompts_only": (_I, 0),  # what a request writes goes to none
    "swaps": (_I, 0),  # a victim's blocks go to the host's memory, see blis.engine.swapping
    "swaps_beside": (_I, 0),  # while steps go on; else the step waits for the copies
    "retry_attempts": (_I, 0),  # how often a client that was refused comes again; 0: never
    "retry_base_us": (_I, 0),  # pause before the first of these
    "retry_most_us": (_I, 0),  # longest pause
    "retry_factor_ppm": (_I, 0),  # by which each further one is longer [millionths]
    "retry_jitter_ppm": (_I, 0),  # part of a pause that is drawn [millionths]
    "retries_timeouts": (_I, 0),  # who gave up comes again, as who was refused
    "retry_key": (_I, 0),  # from which that part is drawn
    "lookahead_us": (_I, 0),  # least time from a request's end to an arrival that waits for it; NEVER_US: none does
    "busy_until_step_ends": (_I, 0),  # the semantics flags, see blis.foundation.semantics
    "recompute_cached_prompt": (_I, 0),
    "drop_oversized_total": (_I, 0),
    "first_copy_stays": (_I, 0),
    "history_includes_cached": (_I, 0),
    "waiting_counts": (_I, 0),
    "reads_at_start": (_I, 0),
    "order_by_kind": (_I, 0),
    "resume_keeps_output": (_I, 0),
    "threshold_needs_company": (_I, 0),
    "keyless_freed_first": (_I, 0),
    "final_token_unstored": (_I, 0),
    "copies_findable": (_I, 0),
    "victim_among_all": (_I, 0),
    "empty_step_is_free": (_I, 0),
}

REQUEST_FIELDS = {
    "status": (_I, NOT_STARTED),
    "arrival_us": (_I, 0),  # an estimate until the request that it waits for has ended
    "instance": (_I, -1),  # -1: not routed
    "queued_us": (_I, 0),  # when it enters, or entered, the instance's wait queue
    "routing_rank": (_I, 0),  # how many were routed before it
    "sent_tokens": (_I, -1),  # of its prompt that the router took for uncached, until its first token; -1: no longer
    "scheduled_us": (_I, -1),  # when it was taken: first, or last if preemption loses all; -1
    "first_token_us": (_I, -1),  # -1
    "finished_us": (_I, -1),  # arrival + E2E; -1
    "leaves_us": (_I, -1),  # the same as soon as its last step has been composed; -1
    "preemptions": (_I, 0),
    "cached_blocks": (_I, -1),  # found when it was last taken; -1
    "text_tokens": (_I, 0),  # to be computed before it decodes: its prompt, and what it had written when preempted
    "computed_tokens": (_I, 0),  # of those, repeated work included
    "stored_tokens": (_I, 0),  # of those, in the cache while it is in the batch
    "registered_blocks": (_I, 0),  # leading blocks that have got their keys
    "chunk_step": (_I, 0),  # step number of its latest chunk of text
    "chunk_tokens": (_I, 0),  # of that, or of its latest decode with the drafts
    "earlier_chunk_step": (_I, 0),  # that of the chunk before
    "decoding_since": (_I, 0),  # step number of the first decode since it was taken, preempted or left out
    "decode_base": (_I, 0),  # a decoding request holds step number + base tokens before that step
    "finish_step": (_I, 0),  # step number of its last token
    "batch_rank": (_I, 0),  # how many the instance took before it
    "clock_mark_us": (_I, 0),  # end of the step of its first token, and what later time does not count
    "left_out_us": (_I, 0),  # time it has been left out of steps since its latest token
    "detached_blocks": (_I, 0),  # leading blocks it uses without holding them
    "own_segment": (_I, -1),  # first of the segments of its own blocks, which it got when first preempted; -1
    "last_piece": (_I, -1),  # of the keyed blocks that it holds, see blis.engine.holding; -1
    "link": (_I, -1),  # next in a queue, or next sibling in a heap
    "back_link": (_I, -1),  # previous in a queue, or first child in a heap
    "fill_previous": (_I, -1),
    "paused_us": (_I, 0),  # time of its latest token when it was preempted
    "priority": (_F, 0),  # larger is more urgent
    "queue_key": (_F, 0),  # smaller is taken first
    "fill_next": (_I, -1),  # next of those whose block fills in the same phase
    "routing_score": (_F, np.nan),  # of the chosen instance; NaN when not recorded
    "routing_regret": (_F, np.nan),  # best score minus that
}

INSTANCE_FIELDS = {
    "clock_us": (_I, 0),  # time of the last executed event
    "next_event_us": (_I, NEVER_US),  # earliest of the next step, queueing and arrival of KV
    "next_step_us": (_I, NEVER_US),
    "pending_root": (_I, -1),  # heap of requests on their way into the wait queue
    "awaiting_root": (_I, -1),  # heap of requests that wait for their KV, by the time at which it is there
    "loaded_root": (_I, -1),  # heap of waiting requests whose KV has come, the latest first
    "awaiting_kv_requests": (_I, 0),
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
    "left_out_requests": (_I, 0),  # decoding requests that the latest step left out
    "resuming_requests": (_I, 0),  # that have written something and wait, or compute it anew
    "steps_under_way": (_I, 0),  # composed and not yet ended, where two may be
    "fills_are_due": (_I, 0),  # 1: blocks that the latest step fills get their keys with the next
    "ending_requests": (_I, 0),  # whose last token is under way
    "returning_requests": (_I, 0),  # preempted while a step that serves them is under way
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
    "evicted_blocks": (_I, 0),  # that others could have found
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
    "line_requests": (_I, 0),  # of how many decodes the latest line of prices is, see blis.engine.line; 0: none yet
    "line_first_context": (_I, 0),  # where it begins
    "line_last_context": (_I, 0),  # where it ends, inclusive
    "line_us": (_F, 0.0),  # what a step costs there where it begins, not truncated
    "line_per_token_us": (_F, 0.0),  # what a token of context adds
    "routable": (_I, 1),  # requests may be sent here
    "lifecycle": (_I, WARM),  # ABSENT, LOADING, WARM, DRAINING or FAILED
    "lifecycle_since_us": (_I, 0),
    "lifecycle_until_us": (_I, NEVER_US),  # when it changes by itself
    "wanted_us": (_I, 0),  # when the policy decided that it should serve
    "loading_us": (_I, 0),  # time spent in each, up to the latest change
    "warm_us": (_I, 0),
    "draining_us": (_I, 0),
    "failed_us": (_I, 0),
    "taken_away_requests": (_I, 0),  # sent here, and taken away before they ended
    "is_known": (_I, 1),  # 0 in signals that were never read
    "last_cold_use": (_I, -1),  # rank of the last cold request sent here; -1
    "last_routed": (_I, -1),  # routing rank of the last request sent here; -1
    "last_routed_us": (_I, 0),  # when that was; 0
    "drafted_decodes": (_I, 0),  # decodes that had drafts
    "draft_tokens": (_I, 0),  # that these verified
    "accepted_tokens": (_I, 0),  # of those, also behind the end of an output
    "awaiting_transfer_requests": (_I, 0),  # whose prompt has been computed here and whose KV has not left yet
    "prefill_legs": (_I, 0),  # requests that are here, or on their way, for their prompt alone
    "promised_requests": (_I, 0),  # that are to decode here and whose KV is not on its way yet
    "outgoing_root": (_I, -1),  # heap of requests whose KV is on its way from here, by the time of its arrival
    "outgoing_requests": (_I, 0),
    "line_head": (_I, -1),  # request whose transfer is first to get room here; -1
    "line_tail": (_I, -1),
    "handed_over_requests": (_I, 0),  # whose prompt was computed here and whose KV has gone to another instance
    "received_requests": (_I, 0),  # whose KV has been sent here
    "received_tokens": (_I, 0),  # of their prompts
    "received_first_tokens": (_I, 0),  # first tokens of such requests
    "late_first_tokens": (_I, 0),  # those of them that came later than promised
}

# Of a waiting request, in a tree of those that wait on the same instance, see `blis.engine.claims`; written whole.
CLAIM_FIELDS = {
    "urgency": (_F, 0.0),  # larger is more urgent
    "since_us": (_I, 0),  # when its claim began
    "rank": (np.int32, 0),  # among claims of the same time
    "left": (np.int32, 0),  # node of an earlier claim; -1
    "right": (np.int32, 0),  # of a later one; -1
    "parent": (np.int32, 0),  # -1 for the root
    "blocks": (np.int32, 0),  # the fewest that it can need
    "blocks_below": (np.int32, 0),  # the fewest that it, or anyone below it, can need
}

SETTING_NAMES = tuple(SETTING_FIELDS)
WORKLOAD_COLUMNS = tuple(WORKLOAD_FIELDS)
LIMIT_COLUMNS = tuple(LIMIT_FIELDS)

#: Settings, and what most runs have: for those the loop is compiled apart, see `blis.engine.known_settings`.
KNOWN = {
    "has_fleet": 0,
    "has_gateway": 0,
    "gate_evicts": 0,
    "has_transfers": 0,
    "disaggregates": 0,
    "has_adapters": 0,
    "has_encoder": 0,
    "encodes_apart": 0,
    "n_tiers": 0,
    "shares_tier": 0,
    "swaps": 0,
    "times_out": 0,
    "evicts_oldest": 1,
}
KNOWN_TYPE = np.int32  #: of a setting that is known; of the same bytes as its neighbours have, the lower half

_SETTING_DTYPE = dtype_of(SETTING_FIELDS)
_PLAIN_FIELDS: Any = {
    "names": SETTING_NAMES,
    "formats": [KNOWN_TYPE if name in KNOWN else np.int64 for name in SETTING_NAMES],
    "offsets": [8 * place for place in range(len(SETTING_NAMES))],
    "itemsize": _SETTING_DTYPE.itemsize,
}
_PLAIN_DTYPE = np.dtype(_PLAIN_FIELDS)


def workload_table(**columns: Int64Vector) -> Records:
    """The workload's records from their columns."""
    table = records(WORKLOAD_FIELDS, len(columns["arrival_us"]))
    for name in WORKLOAD_FIELDS:
        table[name] = columns[name]
    return table


def limit_table(rows: list[dict[str, float]]) -> Records:
    """The instances' limits, one mapping per instance."""
    table = records(LIMIT_FIELDS, len(rows))
    for name in LIMIT_FIELDS:
        table[name] = [row[name] for row in rows]
    return table


def setting_record(**values: int) -> Records:
    """The settings of a run; by its type it says whether they are known."""
    row = np.array([int(values[name]) for name in SETTING_NAMES], "<i8")
    is_plain = all(int(values[name]) == known for name, known in KNOWN.items())
    return row.view(_PLAIN_DTYPE if is_plain else _SETTING_DTYPE).view(np.recarray)[0]


def has_known_settings(settings: Records) -> bool:
    """Whether a run has none of what few runs have: its settings are of the type that says so."""
    return bool(settings.dtype["has_fleet"] == KNOWN_TYPE)
