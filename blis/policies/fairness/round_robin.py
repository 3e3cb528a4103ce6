"""One request of each tenant in turn.

Wise where requests are alike: a flood costs those who send little one request at a time. Who sends long requests
gets more than a share of the work; `virtual-token-counter` counts that.

Source: llm-d-router's round-robin-fairness-policy: the next tenant after the one served last, in a fixed order.
"""

from typing import NamedTuple

from blis.engine.views import FlowsView
from blis.foundation.units import Float64Vector


class Params(NamedTuple):
    """No parameters."""


def choose(view: FlowsView, params: Float64Vector, memory: Float64Vector) -> int:
    """The first tenant behind the one that was served last."""
    best, nearest = 0, view.n_tenants + 1.0
    for flow in range(view.n_flows):
        behind = (view.tenant[flow] - view.last_tenant - 1 + 2 * view.n_tenants) % view.n_tenants
        if behind < nearest:
            best, nearest = flow, behind
    return best
