"""Numbers that hold for a whole run: one record, which says by its type whether the run has what few runs have."""

from typing import Any

import numpy as np

from blis.engine.records import Records, dtype_of

_I = np.int64

# name: (dtype, initial value); the comment gives unit and meaning.
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
    "max_idle_preemptions": (_I, 0),  # of an instance without a completion, before it counts as stalled
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

SETTING_NAMES = tuple(SETTING_FIELDS)

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


def setting_record(**values: int) -> Records:
    """The settings of a run; by its type it says whether they are known."""
    row = np.array([int(values[name]) for name in SETTING_NAMES], "<i8")
    is_plain = all(int(values[name]) == known for name, known in KNOWN.items())
    return row.view(_PLAIN_DTYPE if is_plain else _SETTING_DTYPE).view(np.recarray)[0]


def has_known_settings(settings: Records) -> bool:
    """Whether a run has none of what few runs have: its settings are of the type that says so."""
    return bool(settings.dtype["has_fleet"] == KNOWN_TYPE)
