"""Mean over the instances of the larger of two: requests in the queue and KV blocks in use, against what is full.

Wise where instances are read often. It sees what requests weigh, but only once an instance has reported them, so it
lets a burst pass in between; where the reports are older than the bound, every instance counts as full.

Source: llm-d-router's utilization-detector, with its defaults.
"""

from typing import Annotated, NamedTuple

from blis.engine.saturation import pool_saturation
from blis.engine.views import GatewayView, RouterView
from blis.foundation.units import Float64Vector
from blis.policies.parameters import Bounds

READS_RECORDS = False


class Params(NamedTuple):
    """What counts as full, and how old a report may be."""

    queue_depth_threshold: Annotated[float, Bounds(0.001, 1e9, "waiting requests per instance")] = 5.0
    kv_cache_util_threshold: Annotated[float, Bounds(0.001, 1000.0, "share of KV blocks in use")] = 0.8
    staleness_ms: Annotated[float, Bounds(0.0, 1e9, "ms")] = 200.0


def measure(view: RouterView, gateway: GatewayView, params: Float64Vector, memory: Float64Vector) -> float:
    """The mean; 1 where reports are too old."""
    saturation = pool_saturation(view, params[0], params[1])
    return max(1.0, saturation) if gateway.report_age_us > 1000.0 * params[2] else saturation
