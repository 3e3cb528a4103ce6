"""How full a cluster is, as the gateway's detector has it: queues and KV blocks against what counts as full."""

from blis.engine._jit import kernel
from blis.engine.views import RouterView


@kernel
def pool_saturation(view: RouterView, full_queue: float, full_share: float) -> float:
    """Mean over the instances of the larger of two: waiting requests of `full_queue`, used blocks of `full_share`.

    From 1 on the cluster is saturated; an instance that has never reported counts as full.

    Source: llm-d's utilization-detector.
    """
    total = 0.0
    for instance in range(view.n_instances):
        if view.is_known[instance]:
            used = view.used_blocks[instance] / view.total_blocks[instance]
            total += max(view.queued_requests[instance] / full_queue, used / full_share)
        else:
            total += 1.0
    return total / view.n_instances
