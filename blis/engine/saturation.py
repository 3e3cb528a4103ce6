"""How full a cluster is, as the gateway's detector has it: queues and KV blocks against what counts as full."""

from blis.engine._jit import kernel
from blis.engine.views import RouterView


@kernel
def pool_saturation(view: RouterView, full_queue: float, full_share: float) -> float:
    """Mean over the candidates of the larger of two: waiting requests of `full_queue`, used blocks of `full_share`.

    From 1 on the cluster is saturated; an instance that has never reported counts as full. Without candidates it is 0:
    whoever refuses for load has nothing to refuse for.

    Source: llm-d's utilization-detector.
    """
    total = 0.0
    for instance in view.candidates:
        if view.is_known[instance]:
            used = view.used_blocks[instance] / view.total_blocks[instance]
            total += max(view.queued_requests[instance] / full_queue, used / full_share)
        else:
            total += 1.0
    return total / view.candidates.shape[0] if view.candidates.shape[0] > 0 else 0.0
