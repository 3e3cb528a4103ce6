"""Send a request to the instance with the fewest requests.

Wise when requests are alike and prefixes are rare; blind to cached prefixes and to the size of requests.
"""

from typing import NamedTuple

from blis.engine.choice import best_instance
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
    """Instance of the smallest effective load."""
    for instance in range(view.n_instances):
        scores[instance] = -view.effective_load[instance]
    return best_instance(scores, view.candidates, view.tie_draw)
