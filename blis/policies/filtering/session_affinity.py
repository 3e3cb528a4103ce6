"""Keep the instance that the request's session was sent to last, if it is a candidate; else everybody.

Wise where a session's state is worth more than an even load, whatever the load is.

Source: llm-d-router 0.9, session-affinity-filter, which never leaves nobody.
"""

from typing import NamedTuple

from blis.engine.choice import is_among
from blis.engine.views import RequestView, RouterView
from blis.foundation.units import Float64Vector, Int64Vector

LOOKS = True  # what the router remembers is brought up to date for those alone that look
NEEDS = frozenset({"session_instance"})


class Params(NamedTuple):
    """No parameters."""


def keep(view: RouterView, request: RequestView, params: Float64Vector, kept: Int64Vector) -> None:
    """Where the session was, or all."""
    if is_among(view.candidates, view.session_instance):
        for instance in view.candidates:
            kept[instance] = 1 if instance == view.session_instance else 0
