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
    """Number of turns so far, modulo the number of instances."""
    turn = int(memory[0])
    memory[0] = turn + 1
    return turn % view.n_instances
