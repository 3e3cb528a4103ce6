"""Let the routing policy choose who computes a prompt as well, with its scorers and parameters, and memory of its own.

Wise where what makes an instance good for a request does not depend on its part: prefixes that it has, few requests.
"""

from typing import NamedTuple

from blis.engine.views import RequestView, RouterView
from blis.foundation.units import Float64Vector


class Params(NamedTuple):
    """No parameters."""


def route(
    view: RouterView,
    request: RequestView,
    params: Float64Vector,
    memory: Float64Vector,
    scores: Float64Vector,
) -> int:
    """The first candidate; the routing policy is asked in its place, see `blis.policies.prepared`."""
    for instance in range(view.n_instances):
        scores[instance] = 0.0
    return int(view.candidates[0])
