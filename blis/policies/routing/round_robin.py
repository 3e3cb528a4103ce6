"""Send requests to the instances in turn.

Wise when requests and instances are alike; blind to everything else. Only routed requests take a turn.
"""

from typing import NamedTuple

from blis.engine.views import RequestView, RouterView
from blis.foundation.units import Float64Vector

LOOKS = False


class Params(NamedTuple):
    """No parameters."""


def memory_size(n_instances: int, n_requests: int) -> int:
    """How many turns were taken."""
    return 1


def route(
    view: RouterView,
    request: RequestView,
    params: Float64Vector,
    memory: Float64Vector,
    scores: Float64Vector,
) -> int:
    """The candidate at the number of turns so far, modulo how many candidates there are."""
    turn = int(memory[0])
    memory[0] = turn + 1
    chosen: int = view.candidates[turn % view.candidates.shape[0]]
    return chosen
