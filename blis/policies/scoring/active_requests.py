"""Prefer instances with few requests in flight, relative to the busiest."""

from blis.engine.views import RequestView, RouterView
from blis.foundation.units import Float64Vector


def score(view: RouterView, request: RequestView, out: Float64Vector) -> None:
    """(most - in flight) / most; 1 where nothing is in flight."""
    high = 0
    for instance in view.candidates:
        high = max(high, view.in_flight_requests[instance])
    for instance in view.candidates:
        value = view.in_flight_requests[instance]
        out[instance] = (high - value) / high if value > 0 else 1.0
