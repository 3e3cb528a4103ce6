"""The fields of the arrays of records that say what lies beneath the KV blocks of the GPUs.

A device is one tier of one instance, or a tier that all instances share; tier t of instance i is number t · m + i.
"""

import numpy as np

from blis.engine.codes import NEVER_US

_I, _F = np.int64, np.float64

# Of a device: what it is, and what has happened there so far.
DEVICE_FIELDS = {
    "owner": (_I, 0),  # device that holds the blocks: itself, or that of the first instance where all share one
    "capacity_blocks": (_I, 0),
    "learns": (_I, 0),  # 1: evicts as ARC does, 0: the least recently used
    "credit_permille": (_I, 0),  # that a router gives for a block here, of what it gives for one on the GPU
    "ghost_target": (_F, 0.0),  # blocks used once that there should be, as ARC has learned
    "blocks": (_I, 0),  # that lie here
    "written_blocks": (_I, 0),
    "dropped_blocks": (_I, 0),  # that were to be written and found no room
    "evicted_blocks": (_I, 0),
    "removed_blocks": (_I, 0),  # that have come to lie on the GPU instead
    "forgotten_blocks": (_I, 0),  # that went with their instance
    "hit_blocks": (_I, 0),  # found behind what the GPU and the tiers above had, when a request was taken
    "loaded_blocks": (_I, 0),  # of those, copied to the GPU
    "load_us": (_I, 0),  # sum over requests of the time until what they loaded from here was there
    "loads": (_I, 0),  # those requests
}

# Of a device and a direction: one queue, first come, first served; see blis.engine.channels.
CHANNEL_FIELDS = {
    "base_us": (_F, 0.0),  # of a transfer of any length
    "block_us": (_F, 0.0),  # of a block, when the device is as busy as it can be
    "saturation_blocks": (_F, 1.0),  # blocks under way at a time from which on it is
    "single_fraction": (_F, 1.0),  # of its bandwidth that a single block gets
    "free_us": (_I, 0),  # end of the last transfer
    "latest_block_us": (_F, 0.0),  # that a block of the last transfer took
    "transfers": (_I, 0),
    "blocks": (_I, 0),
    "busy_us": (_I, 0),  # sum of their lengths
    "waited_us": (_I, 0),  # sum of the times that they waited for others
}

# Beside each run of the tiers' store.
TIER_RUN_FIELDS = {
    "ready_us": (_I, 0),  # when its last block has been written
    "queue": (_I, 0),  # of its device's lists, see blis.engine.tier_store
}

#: Wherever there is no limit.
UNLIMITED_BLOCKS = NEVER_US
