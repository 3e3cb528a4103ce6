"""The request whose first token is due soonest.

Wise where a tenant sends requests of several promises; under overload it serves those that are late anyway.

Source: llm-d-router's slo-deadline-ordering-policy: received plus promised TTFT, infinity without a promise; of equals
the one that was received first.
"""

from typing import NamedTuple

from blis.engine.views import GatewayView, RequestView
from blis.foundation.units import Float64Vector


class Params(NamedTuple):
    """No parameters."""


def rank(gateway: GatewayView, request: RequestView, params: Float64Vector, memory: Float64Vector) -> float:
    """Arrival plus promised TTFT."""
    return float(request.arrival_us) + float(request.ttft_target_us)
