"""Prefer instances as vLLM balances data-parallel replicas: a waiting request counts four times a running one."""

from blis.engine.views import RequestView, RouterView
from blis.foundation.units import Float64Vector


def score(view: RouterView, request: RequestView, out: Float64Vector) -> None:
    """(most - x) / (most - fewest) of x = 4 queued + running; 1 for all if they are equal."""
    low = high = 4 * view.queued_requests[0] + view.running_requests[0]
    for instance in range(1, view.n_instances):
        value = 4 * view.queued_requests[instance] + view.running_requests[instance]
        low = min(low, value)
        high = max(high, value)
    for instance in range(view.n_instances):
        value = 4 * view.queued_requests[instance] + view.running_requests[instance]
        out[instance] = (high - value) / (high - low) if high > low else 1.0
