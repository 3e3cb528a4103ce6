"""Prefer the instance that the request's session was sent to last.

A request without a session, or the first of one, has no such instance: all score 0. The session is remembered for as
long as it lasts, as where its client sends the endpoint along.

Source: llm-d-router 0.9, session-affinity-scorer, strategy encoded_endpoint_header.
"""

from blis.engine.views import RequestView, RouterView
from blis.foundation.units import Float64Vector

NEEDS = frozenset({"session_instance"})


def score(view: RouterView, request: RequestView, out: Float64Vector) -> None:
    """1 where the session was last, 0 elsewhere."""
    for instance in range(view.n_instances):
        out[instance] = 1.0 if instance == view.session_instance else 0.0
