"""Prefer instances with free KV memory."""

from blis.engine.views import RequestView, RouterView
from blis.foundation.units import Float64Vector


def score(view: RouterView, request: RequestView, out: Float64Vector) -> None:
    """1 minus the share of KV blocks in use."""
    for instance in range(view.n_instances):
        out[instance] = 1.0 - view.used_blocks[instance] / view.total_blocks[instance]
