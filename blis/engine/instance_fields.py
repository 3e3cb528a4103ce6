"""The fields of instances: their limits, and where they are; eight that stand together share a cache line."""

import numpy as np

from blis.engine.codes import NEVER_US, WARM
from blis.engine.records import Records, records

_I, _F = np.int64, np.float64

# name: (dtype, initial value); the comment gives unit and meaning.
LIMIT_FIELDS = {
    # what is read at every decision and step
    "total_blocks": (_I, 0),
    "roles": (_I, 3),  # what it does, in bits, see blis.foundation.roles
    "serves": (_I, 0),  # bit k: requests may ask here for the model of place k
    "max_running_requests": (_I, 0),
    "decodes_at_once": (_I, 0),  # that a step can serve together: as many as its budget, none where they have drafts
    "async_scheduling": (_I, 0),  # two steps are under way at a time
    "queueing_us": (_F, 0),
    "queueing_us_per_token": (_F, 0),
    # everything else
    "step_token_budget": (_I, 0),
    "long_prefill_threshold_tokens": (_I, 0),  # 0: none
    "max_model_len_tokens": (_I, 0),  # 0: none
    "watermark_blocks": (_I, 0),  # that must stay free when a request joins others
    "reserve_full_isl": (_I, 0),  # a request is taken if its whole prompt fits
    "prefix_caching": (_I, 0),  # blocks can be found again
    "output_token_us": (_I, 0),
    "completion_us": (_I, 0),
    "least_step_us": (_I, 0),  # no step takes less
    "draft_tokens": (_I, 0),  # drafted for each decode; 0: none
    "acceptance_rate": (_F, 0),  # probability of a draft to be accepted, given that those before it were
    "kv_kind": (_I, 0),  # instances of one kind can use each other's KV
    "kv_bytes_per_token": (_F, 0),  # on each GPU; 0: unknown
    "kv_layers": (_I, 1),
    "context_low_tokens": (_I, -1),  # prompts that it is meant for, from so many tokens; -1: any
    "context_high_tokens": (_I, -1),  # and up to so many
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

INSTANCE_FIELDS = {
    # what is read of all instances for one request
    "next_event_us": (_I, NEVER_US),  # earliest of the next step, queueing and arrival of KV
    "queued_requests": (_I, 0),
    "running_requests": (_I, 0),
    "pending_requests": (_I, 0),  # routed, not yet queued
    "in_flight_requests": (_I, 0),  # routed, not yet finished
    "used_blocks": (_I, 0),
    "routable": (_I, 1),  # requests may be sent here
    "idle_preemptions": (_I, 0),  # since the last completion
    # what says which event is next
    "next_step_us": (_I, NEVER_US),
    "pending_root": (_I, -1),  # heap of requests on their way into the wait queue
    "awaiting_root": (_I, -1),  # heap of requests that wait for their KV, by the time at which it is there
    "outgoing_root": (_I, -1),  # heap of requests whose KV is on its way from here, by the time of its arrival
    "step_fixed": (_I, 0),  # twice the time at which the next step was scheduled, see fix_next_step
    "busy_until_us": (_I, 0),
    "waiting_head": (_I, -1),  # queue's head, or heap's root
    "step_number": (_I, 0),
    # what a run of decodes reads and writes
    "decode_requests": (_I, 0),
    "decode_context_tokens": (_I, 0),  # tokens held by decoding requests
    "left_out_requests": (_I, 0),  # decoding requests that the latest step left out
    "step_us": (_I, 0),  # length of the last step
    "clock_us": (_I, 0),  # time of the last executed event
    "line_requests": (_I, 0),  # of how many decodes the latest line of prices is, see blis.engine.line; 0: none yet
    "line_last_context": (_I, 0),  # where it ends, inclusive
    "line_us": (_F, 0.0),  # what a step costs there where it begins, not truncated
    "line_first_context": (_I, 0),  # where it begins
    "line_per_token_us": (_F, 0.0),  # what a token of context adds
    "cache_misses": (_I, 0),  # blocks
    "peak_blocks": (_I, 0),
    "block_time": (_I, 0),  # [block·µs] sum over steps of used blocks times step length
    "step_clock_us": (_I, 0),  # sum of all step lengths
    "queue_sum": (_I, 0),  # sum over steps of the queue length after forming the batch
    "batch_sum": (_I, 0),  # sum over steps of the batch size
    # everything else
    "is_known": (_I, 1),  # 0 in signals that were never read
    "steps_under_way": (_I, 0),  # composed and not yet ended, where two may be
    "ending_requests": (_I, 0),  # whose last token is under way
    "returning_requests": (_I, 0),  # preempted while a step that serves them is under way
    "loaded_root": (_I, -1),  # heap of waiting requests whose KV has come, the latest first
    "awaiting_kv_requests": (_I, 0),
    "waiting_tail": (_I, -1),
    "queued_tokens": (_I, 0),  # prompt tokens in the wait queue
    "prefilling_requests": (_I, 0),
    "resuming_requests": (_I, 0),  # that have written something and wait, or compute it anew
    "fills_are_due": (_I, 0),  # 1: blocks that the latest step fills get their keys with the next
    "batch_rank": (_I, 0),  # requests taken so far
    "last_decode_rank": (_I, -1),  # largest rank that ever began to decode
    "stale_blocks": (_I, 0),  # keyed blocks that the index no longer names
    "cache_hits": (_I, 0),  # blocks
    "cache_hit_tokens": (_I, 0),
    "preemptions": (_I, 0),
    "allocation_failures": (_I, 0),
    "evicted_blocks": (_I, 0),  # that others could have found
    "pending_tokens": (_I, 0),  # their prompts
    "completed_requests": (_I, 0),
    "completed_tokens": (_I, 0),  # that completed requests produced
    "dropped_requests": (_I, 0),
    "input_tokens": (_I, 0),  # prompts that entered the queue
    "peak_queue": (_I, 0),
    "log_entry": (_I, -1),  # last entry in the step log; -1
    "lifecycle": (_I, WARM),  # ABSENT, LOADING, WARM, DRAINING or FAILED
    "lifecycle_since_us": (_I, 0),
    "lifecycle_until_us": (_I, NEVER_US),  # when it changes by itself
    "wanted_us": (_I, 0),  # when the policy decided that it should serve
    "loading_us": (_I, 0),  # time spent in each, up to the latest change
    "warm_us": (_I, 0),
    "draining_us": (_I, 0),
    "failed_us": (_I, 0),
    "taken_away_requests": (_I, 0),  # sent here, and taken away before they ended
    "last_cold_use": (_I, -1),  # rank of the last cold request sent here; -1
    "last_routed": (_I, -1),  # routing rank of the last request sent here; -1
    "last_routed_us": (_I, 0),  # when that was; 0
    "drafted_decodes": (_I, 0),  # decodes that had drafts
    "draft_tokens": (_I, 0),  # that these verified
    "accepted_tokens": (_I, 0),  # of those, also behind the end of an output
    "awaiting_transfer_requests": (_I, 0),  # whose prompt has been computed here and whose KV has not left yet
    "prefill_legs": (_I, 0),  # requests that are here, or on their way, for their prompt alone
    "promised_requests": (_I, 0),  # that are to decode here and whose KV is not on its way yet
    "outgoing_requests": (_I, 0),
    "line_head": (_I, -1),  # request whose transfer is first to get room here; -1
    "line_tail": (_I, -1),
    "handed_over_requests": (_I, 0),  # whose prompt was computed here and whose KV has gone to another instance
    "received_requests": (_I, 0),  # whose KV has been sent here
    "received_tokens": (_I, 0),  # of their prompts
    "received_first_tokens": (_I, 0),  # first tokens of such requests
    "late_first_tokens": (_I, 0),  # those of them that came later than promised
}

LIMIT_COLUMNS = tuple(LIMIT_FIELDS)


def limit_table(rows: list[dict[str, float]]) -> Records:
    """The instances' limits, one mapping per instance."""
    table = records(LIMIT_FIELDS, len(rows))
    for name in LIMIT_FIELDS:
        table[name] = [row[name] for row in rows]
    return table
