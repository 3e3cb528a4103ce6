"""Send requests to the instances in turn.

Wise when requests and instances are alike; blind to everything else. Only routed requests take a turn. Requests whose
candidates do not begin with the same one take turns of their own: with a common count, requests of two models that
alternate would go to every second instance of each alone.

Source: the counter per set of endpoints of vLLM's production-stack, roundrobin.
"""

from typing import NamedTuple

from blis.engine.views import RequestView, RouterView
from blis.foundation.units import Float64Vector

LOOKS = False


class Params(NamedTuple):
    """No parameters."""


def memory_size(n_instances: int, n_requests: int) -> int:
    """How many turns were taken, by the first of the candidates."""
    return n_instances


def route(
    view: RouterView,
    request: RequestView,
    params: Float64Vector,
    memory: Float64Vector,
    scores: Float64Vector,
) -> int:
    """The candidate at the number of turns so far, modulo how many candidates there are."""
    first: int = view.candidates[0]
    turn = int(memory[first])
    memory[first] = turn + 1
    chosen: int = view.candidates[turn % view.candidates.shape[0]]
    return chosen
