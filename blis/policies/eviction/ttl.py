"""The blocks whose time to live ends first go first; that of a session's blocks is a longer one.

Wise where it is known for how long conversations pause. Blocks past their time stay until memory is needed, and are
found until then. With equal times it is `lru`.

Source: the rule of Redis's `volatile-ttl`; Continuum (arXiv 2511.02230) sets such times by the tools that a turn calls.
"""

from typing import Annotated, NamedTuple

from blis.engine.views import BlocksView
from blis.foundation.units import US_PER_S, Float64Vector
from blis.policies.parameters import Bounds


class Params(NamedTuple):
    """How long blocks live after they have been given back."""

    ttl_s: Annotated[float, Bounds(0.0, 86_400.0, "s")] = 30.0
    session_ttl_s: Annotated[float, Bounds(0.0, 86_400.0, "s, of requests that belong to a session")] = 120.0


def rank(view: BlocksView, params: Float64Vector, memory: Float64Vector) -> float:
    """When their time ends."""
    ttl_s = params[0] if view.session < 0 else params[1]
    return float(view.clock_us + ttl_s * US_PER_S)
