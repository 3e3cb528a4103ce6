"""Prefer instances with short wait queues, relative to the others."""

from blis.engine.views import RequestView, RouterView
from blis.foundation.units import Float64Vector


def score(view: RouterView, request: RequestView, out: Float64Vector) -> None:
    """(longest - queue) / (longest - shortest); 1 for all if they are equal."""
    low = high = view.queued_requests[0]
    for instance in range(1, view.n_instances):
        value = view.queued_requests[instance]
        low = min(low, value)
        high = max(high, value)
    for instance in range(view.n_instances):
        value = view.queued_requests[instance]
        out[instance] = (high - value) / (high - low) if high > low else 1.0
