"""The fields of requests: what is given of each, what becomes of it, and what it claims while it waits.

Each kind of thing has one array of records, whose fields read like separate arrays: `requests.status[r]`.
(numba hands every array of an argument over as seven values; with an array for each field the loop took
minutes to compile. A request's fields also share its cache lines this way: eight of them one line, in the order in
which they stand here.)
"""

import numpy as np

from blis.engine.codes import NOT_STARTED
from blis.engine.records import Records, records
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

REQUEST_FIELDS = {
    # on its way to the queue, and in it
    "status": (_I, NOT_STARTED),
    "arrival_us": (_I, 0),  # an estimate until the request that it waits for has ended
    "instance": (_I, -1),  # -1: not routed
    "queued_us": (_I, 0),  # when it enters, or entered, the instance's wait queue
    "link": (_I, -1),  # next in a queue, or next sibling in a heap
    "back_link": (_I, -1),  # previous in a queue, or first child in a heap
    "queue_key": (_F, 0),  # smaller is taken first
    "routing_rank": (_I, 0),  # how many were routed before it
    # when it is taken
    "priority": (_F, 0),  # larger is more urgent
    "sent_tokens": (_I, -1),  # of its prompt that the router took for uncached, until its first token; -1: no longer
    "scheduled_us": (_I, -1),  # when it was taken: first, or last if preemption loses all; -1
    "preemptions": (_I, 0),
    "cached_blocks": (_I, -1),  # found when it was last taken; -1
    "text_tokens": (_I, 0),  # to be computed before it decodes: its prompt, and what it had written when preempted
    "stored_tokens": (_I, 0),  # of those, in the cache while it is in the batch
    "computed_tokens": (_I, 0),  # of those, repeated work included
    # while its text is computed
    "registered_blocks": (_I, 0),  # leading blocks that have got their keys
    "chunk_step": (_I, 0),  # step number of its latest chunk of text
    "chunk_tokens": (_I, 0),  # of that, or of its latest decode with the drafts
    "earlier_chunk_step": (_I, 0),  # that of the chunk before
    "detached_blocks": (_I, 0),  # leading blocks it uses without holding them
    "own_segment": (_I, -1),  # first of the segments of its own blocks, which it got when first preempted; -1
    "last_piece": (_I, -1),  # of the keyed blocks that it holds, see blis.engine.holding; -1
    "batch_rank": (_I, 0),  # how many the instance took before it
    # while it decodes
    "first_token_us": (_I, -1),  # -1
    "decoding_since": (_I, 0),  # step number of the first decode since it was taken, preempted or left out
    "decode_base": (_I, 0),  # a decoding request holds step number + base tokens before that step
    "finish_step": (_I, 0),  # step number of its last token
    "clock_mark_us": (_I, 0),  # end of the step of its first token, and what later time does not count
    "left_out_us": (_I, 0),  # time it has been left out of steps since its latest token
    "fill_previous": (_I, -1),
    "fill_next": (_I, -1),  # next of those whose block fills in the same phase
    # afterwards, and seldom
    "finished_us": (_I, -1),  # arrival + E2E; -1
    "leaves_us": (_I, -1),  # the same as soon as its last step has been composed; -1
    "paused_us": (_I, 0),  # time of its latest token when it was preempted
    "routing_score": (_F, np.nan),  # of the chosen instance; NaN when not recorded
    "routing_regret": (_F, np.nan),  # best score minus that
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

WORKLOAD_COLUMNS = tuple(WORKLOAD_FIELDS)


def workload_table(**columns: Int64Vector) -> Records:
    """The workload's records from their columns."""
    table = records(WORKLOAD_FIELDS, len(columns["arrival_us"]))
    for name in WORKLOAD_FIELDS:
        table[name] = columns[name]
    return table
