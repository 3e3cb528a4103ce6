"""Keep the instances whose KV memory is not nearly full; everybody, where all of them are.

Wise where memory is short: what is sent to a full instance waits there or drives others out, whatever it has cached.

Source: llm-d-router 0.9, utilization-filter with the one condition kv-cache-utilization and fallbackOnEmpty; the
default is what its utilization-detector calls full (kvCacheUtilThreshold).
"""

from typing import Annotated, NamedTuple

from blis.engine.views import RequestView, RouterView
from blis.foundation.units import Float64Vector, Int64Vector
from blis.policies.parameters import Bounds


class Params(NamedTuple):
    """What counts as nearly full."""

    most_used_share: Annotated[float, Bounds(0.0, 1.0, "share of KV blocks in use")] = 0.8


def keep(view: RouterView, request: RequestView, params: Float64Vector, kept: Int64Vector) -> None:
    """Whoever has no more in use, if anybody."""
    is_anybody_left = False
    for instance in view.candidates:
        is_anybody_left = is_anybody_left or view.used_blocks[instance] <= params[0] * view.total_blocks[instance]
    if is_anybody_left:
        for instance in view.candidates:
            kept[instance] = 1 if view.used_blocks[instance] <= params[0] * view.total_blocks[instance] else 0
