"""Prefer instances with short wait queues, absolutely."""

from blis.engine.views import RequestView, RouterView
from blis.foundation.units import Float64Vector


def score(view: RouterView, request: RequestView, out: Float64Vector) -> None:
    """0.5 (1 - min(queue, 128) / 128)."""
    for instance in range(view.n_instances):
        out[instance] = 0.5 * (1.0 - min(view.queued_requests[instance], 128) / 128.0)
