"""What the policy `preemption_mode` may see of a request that gives way, and the signature of its answers."""

from typing import NamedTuple

from numba import types

from blis.engine.reference import Reference, caller_of
from blis.engine.views import named_type


class SwapView(NamedTuple):
    """A request that has just given way, and the host's memory of its instance."""

    clock_us: int  #: when a copy would be asked for
    instance: int
    request: int  #: position in the order of arrival
    slo_class: int  #: index into blis.foundation.slo.CLASSES
    tenant: int
    round: int  #: turn within the session
    input_tokens: int  #: whole prompt
    preemptions: int  #: before this one
    stored_tokens: int  #: ≥ 1, whose KV it loses
    stored_blocks: int  #: that a copy of them takes
    block_size_tokens: int
    host_blocks: int  #: that the instance may use of the host's memory
    free_host_blocks: int  #: of those
    out_us: int  #: until a copy would have been made, with those that it waits for
    back_us: int  #: that copying all of it back takes, without those that it would wait for
    compute_us: int  #: that computing the stored tokens would add to a step that computes the rest of the text
    copies_beside: int  #: 1 if copies run beside steps, 0 if steps wait for them
    queued_requests: int
    running_requests: int
    total_blocks: int  #: KV blocks of the GPUs
    used_blocks: int  #: of those


_VECTOR = types.float64[::1]
SWAP = types.int64(Reference(named_type(SwapView, {})), _VECTOR, _VECTOR)
swap_at = caller_of(SWAP)
