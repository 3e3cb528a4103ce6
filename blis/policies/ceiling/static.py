"""One ceiling for all bands: all are held, or none.

Wise with bands that only say who goes first: the most urgent one is drained before the next, whatever comes.

Source: llm-d-router's static-usage-limit-policy, its default.
"""

from typing import Annotated, NamedTuple

from blis.engine.views import GatewayView
from blis.foundation.units import Float64Vector
from blis.policies.parameters import Bounds


class Params(NamedTuple):
    """The ceiling."""

    threshold: Annotated[float, Bounds(0.001, 1.0, "saturation")] = 1.0


def limit(gateway: GatewayView, params: Float64Vector, memory: Float64Vector) -> float:
    """The same for every band."""
    return float(params[0])
