"""The request that the order within the queue puts first, whoever it is of: no fairness.

Wise where tenants are alike or none of the gateway's business; one that floods the queue makes all others wait.

Source: llm-d-router's global-strict-fairness-policy.
"""

from typing import NamedTuple

from blis.engine.views import FlowsView
from blis.foundation.units import Float64Vector


class Params(NamedTuple):
    """No parameters."""


def choose(view: FlowsView, params: Float64Vector, memory: Float64Vector) -> int:
    """The smallest key; of equal ones the request that joined the queue first."""
    best = 0
    for flow in range(1, view.n_flows):
        key, least = view.head_key[flow], view.head_key[best]
        if key < least or (key == least and view.head_rank[flow] < view.head_rank[best]):
            best = flow
    return best
