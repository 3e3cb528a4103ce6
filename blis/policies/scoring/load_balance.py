"""Prefer instances with few requests, absolutely."""

from blis.engine.views import RequestView, RouterView
from blis.foundation.units import Float64Vector


def score(view: RouterView, request: RequestView, out: Float64Vector) -> None:
    """1 / (1 + effective load)."""
    for instance in range(view.n_instances):
        out[instance] = 1.0 / (1.0 + view.effective_load[instance])
