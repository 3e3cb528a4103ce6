"""The request that expires soonest: earliest deadline first, by how long each may wait.

Wise where requests may wait for different times. With one time to live for all it is the order of joining.

Source: llm-d-router's edf-ordering-policy: enqueueing plus time to live, infinity without one. What it does not have
is the factor by class, 1 by default, because there each request may bring a time to live of its own.
"""

from typing import Annotated, NamedTuple

from blis.engine.views import GatewayView, RequestView
from blis.foundation.units import Float64Vector
from blis.policies.parameters import Bounds


class Params(NamedTuple):
    """Parts of the time to live after which each class is due, in the order of `blis.foundation.slo.CLASSES`."""

    unnamed: Annotated[float, Bounds(0.001, 1000.0, "times to live")] = 1.0
    critical: Annotated[float, Bounds(0.001, 1000.0, "times to live")] = 1.0
    realtime: Annotated[float, Bounds(0.001, 1000.0, "times to live")] = 1.0
    standard: Annotated[float, Bounds(0.001, 1000.0, "times to live")] = 1.0
    interactive: Annotated[float, Bounds(0.001, 1000.0, "times to live")] = 1.0
    batch: Annotated[float, Bounds(0.001, 1000.0, "times to live")] = 1.0
    sheddable: Annotated[float, Bounds(0.001, 1000.0, "times to live")] = 1.0
    background: Annotated[float, Bounds(0.001, 1000.0, "times to live")] = 1.0


def rank(gateway: GatewayView, request: RequestView, params: Float64Vector, memory: Float64Vector) -> float:
    """The moment at which it is due."""
    return float(gateway.clock_us + gateway.ttl_us * params[request.slo_class])
