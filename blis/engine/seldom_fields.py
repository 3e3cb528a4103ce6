"""The fields of records that only some clusters and policies need, most of them of a request; see `request_fields`.

Elsewhere they would only cost memory: their arrays are empty there.
"""

import numpy as np

_I, _F = np.int64, np.float64

#: A node of a heap of blis.engine.ranked_heap.
RANKED_NODE = {
    "key": (_F, 0.0),  # who is smaller is first
    "rank": (_I, 0),  # among equal keys
    "child": (_I, -1),  # first child
    "next": (_I, -1),  # next sibling
    "previous": (_I, -1),  # previous sibling, or the parent of a first child
}

# Of a request, where an instance drafts: elsewhere these fields would only cost memory.
DRAFT_FIELDS = {
    "reached_tokens": (_I, 0),  # tokens that it has taken blocks for, drafts included; 0: it does not decode
    "keyed_tokens": (_I, 0),  # that were known when it was last served: the blocks that they fill have keys
    "accepted_tokens": (_I, 0),  # drafts that became output
}

# Of a request, where a policy asks for it: as last worked out, which is before every question about the request.
OUTLOOK_FIELDS = {
    "expected_output_tokens": (_F, 0.0),  # see blis.engine.output_estimates
    "uncached_tokens": (_I, 0),  # to be computed before its next token
}

# Of an instance and a kind of request, and behind the kinds of all requests.
LENGTH_FIELDS = {
    "completed_requests": (_I, 0),
    "mean_tokens": (_F, 0.0),  # that they have written, the latest counting most
}

# Of an instance and a tenant, see blis.engine.service.
SERVICE_FIELDS = {
    "queued_requests": (_I, 0),
    "input_tokens": (_I, 0),  # prompts that were taken
    "written_tokens": (_I, 0),  # by those that have left the batch
    "batch_tokens": (_I, 0),  # by those that were in it when somebody last asked, since they were taken
    "lift": (_F, 0.0),  # what was added to its counter when it came back
}

# Of a request, where one may wait for KV: its node in a heap of blis.engine.ranked_heap.
AWAITING_FIELDS = {
    **RANKED_NODE,  # key: when its KV is there [µs]; rank: routed before it; once it is there, minus these
}

# Of a request, where clients give up: its node in the heap of blis.engine.patience.
PATIENCE_FIELDS = {
    **RANKED_NODE,  # key: when its client gives up [µs]; rank: its number, who gives up first in one microsecond
    "is_waited_for": (_I, 0),  # 1: it is in the heap
}

# Of a request, where prefill and decode may be divided, see blis.engine.handing_over; a heap node as those above.
LEG_FIELDS = {
    "phase": (_I, 0),  # UNDIVIDED, PREFILLING, HELD, KV_LOST, TRANSFERRING or RECEIVED
    "stays_whole": (_I, 0),  # 1: its transfer could not be, so it is not divided again
    "prefill_instance": (_I, -1),
    "decode_instance": (_I, -1),  # chosen, or where it decodes; -1: not chosen yet
    "prefilled_us": (_I, -1),  # end of the step that completed its prompt
    "started_us": (_I, -1),  # of its transfer
    "arrives_us": (_I, -1),  # end of its transfer
    "depth": (_I, 0),  # transfers under way at its start, itself included
    "sent_blocks": (_I, 0),  # prompt blocks that were not found where it decodes
    "in_heap": (_I, 0),  # 1: the start of its transfer is due at the time of `key`
    "next_in_line": (_I, -1),  # request whose transfer waits behind it for room at the same instance
    "last_piece": (_I, -1),  # of the blocks that it holds where its prompt was computed
    "registered_blocks": (_I, 0),
    "detached_blocks": (_I, 0),
    **RANKED_NODE,  # key: when its transfer is tried; once it has started, when it ends [µs]
}
