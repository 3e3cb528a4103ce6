"""Send a request to the instance with the largest weighted sum of free memory and low load.

The first form of weighted routing, kept because published results use it. Its "cache" term is free memory
relative to the freest instance, not a cached prefix.
"""

from typing import Annotated, NamedTuple

from blis.engine.choice import best_instance
from blis.engine.views import RequestView, RouterView
from blis.foundation.units import Float64Vector
from blis.policies.parameters import Bounds

SCORES = True


class Params(NamedTuple):
    """The two weights; only their ratio matters, and one must be above zero."""

    cache_weight: Annotated[float, Bounds(0.0, 1e9)] = 0.6
    load_weight: Annotated[float, Bounds(0.0, 1e9)] = 0.4


def route(
    view: RouterView,
    request: RequestView,
    params: Float64Vector,
    memory: Float64Vector,
    scores: Float64Vector,
) -> int:
    """Instance of the largest composite score."""
    total = params[0] + params[1]
    cache_weight = params[0] / total
    load_weight = params[1] / total
    freest = 0
    for instance in view.candidates:
        freest = max(freest, view.is_known[instance] * (view.total_blocks[instance] - view.used_blocks[instance]))
    for instance in range(view.n_instances):
        free = view.is_known[instance] * (view.total_blocks[instance] - view.used_blocks[instance])
        share = free / freest if freest > 0 else 0.0
        scores[instance] = share * cache_weight + 1.0 / (1.0 + view.effective_load[instance]) * load_weight
    return best_instance(scores, view.candidates, view.tie_draw)
