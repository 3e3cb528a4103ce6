"""The fields of records about a gateway's queue; as in `request_fields`."""

import numpy as np

from blis.engine.codes import NEVER_US
from blis.engine.seldom_fields import RANKED_NODE

_I, _F = np.int64, np.float64

# Of a request, where there is a gateway or clients come again.
GATED_FIELDS = {
    "first_arrival_us": (_I, -1),  # of a request that has come again, the first time; -1
    "attempts": (_I, 0),  # how often it has come again
    "enqueued_us": (_I, -1),  # when it joined the gateway's queue, the last time; -1
    "dispatched_us": (_I, -1),  # when it was sent on to the router; -1
    "ended_us": (_I, -1),  # when it was refused or let go for good; -1
    **RANKED_NODE,  # in the heap of its flow; a smaller key is sent first
    "older": (_I, -1),  # enqueued before it in its band
    "newer": (_I, -1),  # after it
    "older_running": (_I, -1),  # sent on before it, of those of its band that run
    "newer_running": (_I, -1),  # after it
}

# Of a band and a tenant.
FLOW_FIELDS = {
    "root": (_I, -1),  # heap of its waiting requests
    "queued_requests": (_I, 0),
    "next_flow": (_I, -1),  # another of the band with somebody waiting
    "previous_flow": (_I, -1),
}

# Of a band, the most urgent first.
BAND_FIELDS = {
    "urgency": (_F, 0.0),
    "capacity_requests": (_I, NEVER_US),  # that may wait in it
    "is_active": (_I, 0),  # 1 from its first request on, or if it is configured
    "queued_requests": (_I, 0),
    "first_flow": (_I, -1),  # of those with somebody waiting
    "oldest": (_I, -1),  # request that has waited longest
    "newest": (_I, -1),
    "newest_running": (_I, -1),  # request that was sent on last, of those that run
    "last_tenant": (_I, -1),  # that a request was sent of
    "dispatched_requests": (_I, 0),
}

# Of a tenant, as the gateway sees it.
TENANT_FIELDS = {
    "queued_requests": (_I, 0),  # in all bands
    "active_since_us": (_I, 0),  # since when some request of it has been waiting
    "dispatched_requests": (_I, 0),
    "input_tokens": (_I, 0),  # prompts that were sent on
    "written_tokens": (_I, 0),  # outputs of completed requests
    "served_us": (_I, 0),  # when the last of them completed
}
