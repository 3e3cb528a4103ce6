"""The share of instances that are full: whose queue, or whose KV cache, is beyond a threshold.

Wise as the plainest rule: requests are held exactly while no instance has room. It jumps where `utilization` glides:
one instance with an endless queue counts no more than one that is just full.

Source: the saturation detector of the Gateway API inference extension before llm-d's flow control, which takes the
cluster for saturated unless some instance has a short queue and free blocks; its thresholds of 5 and 0.8.
"""

from typing import Annotated, NamedTuple

from blis.engine.views import GatewayView, RouterView
from blis.foundation.units import Float64Vector
from blis.policies.parameters import Bounds

READS_RECORDS = False


class Params(NamedTuple):
    """When an instance is full."""

    queue_depth_threshold: Annotated[float, Bounds(0.0, 1e9, "waiting requests")] = 5.0
    kv_cache_util_threshold: Annotated[float, Bounds(0.0, 1.0, "share of KV blocks in use")] = 0.8


def measure(view: RouterView, gateway: GatewayView, params: Float64Vector, memory: Float64Vector) -> float:
    """Full instances over all; one that has never reported is full."""
    full = 0
    for instance in view.candidates:
        used = view.used_blocks[instance] / view.total_blocks[instance]
        is_long = view.queued_requests[instance] > params[0]
        if not view.is_known[instance] or is_long or used > params[1]:
            full += 1
    return float(full / view.candidates.shape[0])
