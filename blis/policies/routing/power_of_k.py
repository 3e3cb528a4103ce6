"""Draw a few instances and send a request to the one of them that has the fewest in flight.

Wise where signals are old or many routers share the instances: nobody runs after the same least loaded one. Two draws
already bring most of what looking at all would; blind to caches and lengths.

Source: M. Mitzenmacher, "The power of two choices in randomized load balancing" (2001).
"""

from typing import Annotated, NamedTuple

from blis.engine.choice import LOWEST_INDEX, best_instance, mixed
from blis.engine.views import RequestView, RouterView
from blis.foundation.units import Float64Vector
from blis.policies.parameters import Bounds

SCORES = True
_NEVER = -1e18


class Params(NamedTuple):
    """How many are drawn."""

    choices: Annotated[int, Bounds(1, 1024, "instances")] = 2


def memory_size(n_instances: int, n_requests: int) -> int:
    """How many requests were routed."""
    return 1


def route(
    view: RouterView,
    request: RequestView,
    params: Float64Vector,
    memory: Float64Vector,
    scores: Float64Vector,
) -> int:
    """The least busy of those drawn, each at most once; others score as low as can be."""
    n, routed = view.candidates.shape[0], int(memory[0])
    memory[0] = routed + 1.0
    left = min(int(params[0]), n)
    word = mixed(view.tie_draw) if view.tie_draw != LOWEST_INDEX else 0
    for place in range(n):
        instance = view.candidates[place]
        if view.tie_draw == LOWEST_INDEX:  # nothing is drawn: they take turns
            is_drawn = (place - routed) % n < left
        else:  # Knuth's selection sampling: each of those to come is drawn with probability left / to come
            word = mixed(word ^ instance)
            is_drawn = word % (n - place) < left
            left -= 1 if is_drawn else 0
        scores[instance] = -float(view.in_flight_requests[instance]) if is_drawn else _NEVER
    return best_instance(scores, view.candidates, view.tie_draw)
