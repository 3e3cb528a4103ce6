"""The fields of what an instance's cache is made of: runs of blocks, how they are kept, and where they are found."""

import numpy as np

_I, _F = np.int64, np.float64

RUN_FIELDS = {
    "identity": (_I, -1),  # segment · m + instance
    "first": (_I, 0),  # place of its first block in a sequence
    "end": (_I, 0),  # one behind that of its last
    "references": (_I, 0),  # requests that hold the blocks
    "keyless_after": (_I, 0),  # blocks without keys after this run
    "previous": (_I, 0),
    "next": (_I, 0),
    "next_copy": (_I, 0),  # next younger run of the segment; -1
    "previous_copy": (_I, 0),  # next older; of the one that the index names, the youngest
    "lower": (_I, 0),  # run that it was last split from; -1
    "is_current": (_I, 0),  # 1 when the index names this run
}

# Beside each run of the instances' caches, where a policy ranks what is free, see blis.engine.keeping.
KEPT_FIELDS = {
    "key": (_F, 0.0),  # the lowest goes first
    "rank": (_I, 0),  # how many were given back before it; the lowest of equal keys goes first
    "queue": (_I, -1),  # in which it is, or was when it was last free; -1: it never was
    "counted_blocks": (_I, 0),  # that the queue's length counts of it
    "uses": (_I, 0),  # requests that have given it back
    "since_us": (_I, 0),  # when it was first given back
    "predecessor": (_I, -1),  # free run that holds the block before its first one; -1
    "dependents": (_I, 0),  # free runs whose predecessor it is
    "child": (_I, -1),  # links of a pairing heap; -1
    "next": (_I, -1),
    "previous": (_I, -1),  # the sibling before, or the parent of a first child
}

# Of an instance and a queue of its eviction policy.
QUEUE_FIELDS = {
    "root": (_I, -1),  # run that goes first; -1: none can go
    "blocks": (_I, 0),  # in the queue; those in use count where they were last
    "ghost_blocks": (_I, 0),  # evicted from it and still remembered
    "head_blocks": (_I, 0),  # of the run that goes first, when somebody last asked; 0: there is none
    "head_frequency": (_I, 0),  # its frequency, if a policy reads it
    "evicted_key": (_F, 0.0),  # of the run that last went
    "given_back": (_I, 0),  # runs so far; of the instance, so in its first queue alone, as the next
    "sampled_blocks": (_I, 0),  # uses since the frequencies were last halved
}

PIECE_FIELDS = {
    "run": (_I, 0),  # that holds the piece's last block
    "first": (_I, 0),  # place of the piece's first block
    "below": (_I, 0),  # the request's piece before it; -1
}

SLOT_FIELDS = {"slot_id": (_I, 0), "slot_run": (_I, 0)}  # id + 1; 0 is empty

SEEN_FIELDS = {
    "slot_id": (_I, 0),  # id + 1; 0 is empty
    "slot_generation": (_I, 0),
    "slot_end": (_I, 0),  # first place of the segment whose block was not there
}
