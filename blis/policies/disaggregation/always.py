"""Divide every request.

Wise where prompts are long and new, and time between tokens is what is promised: no decode waits for a prompt.

Source: llm-d-router's always-disagg-pd-decider.
"""

from typing import NamedTuple

from blis.engine.views import DisaggregationView, RequestView, RouterView
from blis.foundation.units import Float64Vector


class Params(NamedTuple):
    """No parameters."""


def disaggregate(
    view: RouterView, pools: DisaggregationView, request: RequestView, params: Float64Vector, memory: Float64Vector
) -> int:
    """1."""
    return 1
