"""Prefer instances as vLLM balances data-parallel replicas: a waiting request counts four times a running one."""

from blis.engine.views import RequestView, RouterView
from blis.foundation.units import Float64Vector


def score(view: RouterView, request: RequestView, out: Float64Vector) -> None:
    """(most - x) / (most - fewest) of x = 4 queued + running; 1 for all if they are equal."""
    first = view.candidates[0]
    low = high = 4 * view.queued_requests[first] + view.running_requests[first]
    for instance in view.candidates:
        value = 4 * view.queued_requests[instance] + view.running_requests[instance]
        low = min(low, value)
        high = max(high, value)
    for instance in view.candidates:
        value = 4 * view.queued_requests[instance] + view.running_requests[instance]
        out[instance] = (high - value) / (high - low) if high > low else 1.0
