"""Prefer instances with small batches, relative to the others."""

from blis.engine.views import RequestView, RouterView
from blis.foundation.units import Float64Vector


def score(view: RouterView, request: RequestView, out: Float64Vector) -> None:
    """(largest - batch) / (largest - smallest); 1 for all if they are equal."""
    first = view.candidates[0]
    low = high = view.running_requests[first]
    for instance in view.candidates:
        value = view.running_requests[instance]
        low = min(low, value)
        high = max(high, value)
    for instance in view.candidates:
        value = view.running_requests[instance]
        out[instance] = (high - value) / (high - low) if high > low else 1.0
