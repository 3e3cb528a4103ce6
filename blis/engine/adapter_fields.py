"""The fields of what moves where instances serve adapters (LoRA): who holds which, and who waits for a slot."""

import numpy as np

_I = np.int64

#: Where an adapter is, of an instance: on disk alone, in the memory of the host, or in a slot of the GPU as well.
NOWHERE, ON_HOST, ON_GPU = range(3)

# Of an instance.
HOLDER_FIELDS = {
    "oldest": (_I, -1),  # place of the adapter that has been out of use longest, in the host's memory; -1
    "newest": (_I, -1),  # of the one that went out of use last
    "oldest_on_gpu": (_I, -1),  # first of that list that has a slot: so have all behind it; -1: none
    "on_host": (_I, 0),  # adapters in the host's memory
    "on_gpu": (_I, 0),  # of those, that have a slot
    "used": (_I, 0),  # of those, that a member of the batch asks for
    "waited_for": (_I, 0),  # adapters that a waiting request asks for
    "decode_requests": (_I, 0),  # decoding members that ask for one
    "aside_head": (
        _I,
        -1,
    ),  # waiting requests that found no slot, as a queue's head or a heap's root
    "aside_tail": (_I, -1),
    "loads": (_I, 0),  # into a slot
    "disk_loads": (_I, 0),  # of those, from disk
    "load_us": (_I, 0),  # time that they took
    "overhead_us": (_I, 0),  # time by which adapters made steps longer, loads apart
    "most_on_gpu": (_I, 0),  # at a time
}

# Of an instance and an adapter, the adapters of an instance one behind the other.
RESIDENT_FIELDS = {
    "lies": (_I, NOWHERE),
    "running_requests": (_I, 0),  # members of the batch that ask for it
    "waiting_requests": (_I, 0),
    "older": (_I, -1),  # before it among those in the host's memory that are out of use; -1
    "newer": (_I, -1),  # behind it there; -1
}

# Of a request.
ADAPTED_FIELDS = {
    "shut_out_us": (_I, -1),  # since when it has been passed over for lack of a slot; -1: it is not
    "slot_wait_us": (_I, 0),  # time for which it was, up to its taking
    "is_shut_out": (_I, 0),  # 1 once it has been
    "load_us": (_I, -1),  # of the loads that its taking called for, or -1: its adapter had a slot
}
