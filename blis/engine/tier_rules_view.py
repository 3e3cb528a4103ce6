"""What the policies of tiers' rules may see, their answers by number, and the signatures of their verbs."""

from typing import NamedTuple

from numba import types

from blis.engine.reference import Reference
from blis.engine.views import named_type

#: Which blocks of a tier go first: the least recently used, or those that ARC gives up.
LRU, ARC = range(2)
#: When blocks are written: through as soon as they are full, those of prompts alone, back when they are evicted, and
#: back while a block lies on the GPU or in one of its instance's own tiers, never in two.
THROUGH, PROMPTS_THROUGH, BACK, EXCLUSIVE = range(4)


class TierView(NamedTuple):
    """A tier before the first event, as the cluster has it."""

    tier: int  #: 0 is the nearest
    n_tiers: int
    is_shared: int  #: 1 if all instances have this one together
    capacity_blocks: int  #: of the first instance's device
    total_blocks: int  #: KV blocks of the first instance's GPUs
    configured: int  #: the rule that the cluster gives it


class TierChainView(NamedTuple):
    """All tiers beneath an instance before the first event, as the cluster has them."""

    n_tiers: int
    is_shared: int  #: 1 if all instances have the last one together
    capacity_blocks: int  #: of the first instance's devices together
    total_blocks: int  #: KV blocks of the first instance's GPUs
    configured: int  #: the rule that the cluster gives them


_VECTOR = types.float64[::1]
EVICT_AS = types.int64(Reference(named_type(TierView, {})), _VECTOR, _VECTOR)
WRITE_AS = types.int64(Reference(named_type(TierChainView, {})), _VECTOR, _VECTOR)
