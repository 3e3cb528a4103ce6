"""First come, first served.

Wise where requests are alike, and the order that nobody has to explain.

Source: llm-d-router's fcfs-ordering-policy.
"""

from typing import NamedTuple

from blis.engine.views import GatewayView, RequestView
from blis.foundation.units import Float64Vector


class Params(NamedTuple):
    """No parameters."""


def rank(gateway: GatewayView, request: RequestView, params: Float64Vector, memory: Float64Vector) -> float:
    """0: equal to all others, so that who joined first goes first."""
    return 0.0
