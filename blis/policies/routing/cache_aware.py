"""Follow the cached prefix while the load is even, and the load when it is not.

SGLang's router: the cluster is uneven if the most and the least requests in flight differ by more than an absolute and
a relative threshold; then the least loaded instance gets the request. Else the longest match does, if it is a large
enough part of the prompt, and otherwise the least loaded. Wise where prompts share much and load is low.

Source: SGLang model gateway, `cache_aware`; the defaults are those of its Python command line.
"""

from typing import Annotated, NamedTuple

from blis.engine.choice import best_instance
from blis.engine.views import RequestView, RouterView
from blis.foundation.units import Float64Vector
from blis.policies.parameters import Bounds

SCORES = True
NEEDS = frozenset({"affinity_blocks"})


class Params(NamedTuple):
    """From which match on the cache decides, and from which imbalance on the load does."""

    cache_threshold: Annotated[float, Bounds(0.0, 1.0, "share of the prompt")] = 0.3
    balance_abs_threshold: Annotated[float, Bounds(0.0, 1e6, "requests")] = 64.0
    balance_rel_threshold: Annotated[float, Bounds(1.0, 1e6, "times the least load")] = 1.5


def route(
    view: RouterView,
    request: RequestView,
    params: Float64Vector,
    memory: Float64Vector,
    scores: Float64Vector,
) -> int:
    """The longest match, or the least loaded."""
    most, least, longest = 0, view.in_flight_requests[view.candidates[0]], 0
    for instance in view.candidates:
        most = max(most, view.in_flight_requests[instance])
        least = min(least, view.in_flight_requests[instance])
        longest = max(longest, view.affinity_blocks[instance])
    is_uneven = most - least > params[1] and most > params[2] * least
    follows = not is_uneven and longest * view.block_size_tokens > params[0] * request.input_tokens
    for instance in view.candidates:
        held = view.affinity_blocks[instance]
        scores[instance] = float(held) if follows else -float(view.in_flight_requests[instance])
    return best_instance(scores, view.candidates, view.tie_draw)
