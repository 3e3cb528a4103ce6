"""The fields of the records that say what preempted requests have in the host's memory.

The channels between the host's memory and the GPUs have the fields of `blis.engine.tier_fields`.
"""

import numpy as np

_I = np.int64

# Of a request: the copy that it has in the host's memory.
SWAPPED_FIELDS = {
    "tokens": (_I, 0),  # of its text that need not be computed again; 0: it has none, or is coming back already
    "blocks": (_I, 0),  # that the copy takes, until the request runs again
    "ready_us": (_I, 0),  # when it has been written
}

# Of an instance: the part of the host's memory that it may use.
SPACE_FIELDS = {
    "capacity_blocks": (_I, 0),
    "blocks": (_I, 0),  # in use
    "peak_blocks": (_I, 0),
    "out_blocks": (_I, 0),  # copied there
    "out_requests": (_I, 0),  # preemptions whose blocks went there
    "in_blocks": (_I, 0),  # copied back
    "in_requests": (_I, 0),  # that were taken again and needed not compute what they had stored
    "found_blocks": (_I, 0),  # that were not copied back, since the GPU still had them
    "given_up_blocks": (_I, 0),  # that had come back, and whose request let go of them and kept its copy
    "lost_blocks": (_I, 0),  # that went with their instance, or whose request went away
    "recomputed_requests": (_I, 0),  # preemptions whose blocks were not to be kept, as the policy has it
    "refused_requests": (_I, 0),  # preemptions that found no room there: their requests compute anew
    "return_us": (_I, 0),  # sum over those that were copied back of the time from the asking until all was there
    "stalled_us": (_I, 0),  # time by which steps are longer because they wait for copies
}
