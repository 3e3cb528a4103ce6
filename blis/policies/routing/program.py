"""Send a request to the instance for which a postfix program gives the largest value.

The program is data (see `blis.engine.program`): changing it compiles nothing. It may use every feature of
`blis.engine.program.ROUTING_FEATURES`. A value that is not a number counts as the smallest.
"""

from typing import Annotated, NamedTuple

from blis.engine.choice import best_instance
from blis.engine.program import STACK_SIZE, evaluate_routing, signals_of
from blis.engine.views import RequestView, RouterView
from blis.foundation.units import Float64Vector
from blis.policies.parameters import Formula

SCORES = True
NEEDS = signals_of


class Params(NamedTuple):
    """The program, as words in postfix order."""

    formula: Annotated[str, Formula("routing")] = "effective_load neg"


def memory_size(n_instances: int, n_requests: int) -> int:
    """The program's stack, for each instance."""
    return STACK_SIZE * n_instances


def route(
    view: RouterView,
    request: RequestView,
    params: Float64Vector,
    memory: Float64Vector,
    scores: Float64Vector,
) -> int:
    """Instance of the program's largest value."""
    evaluate_routing(params, memory, view, request, scores)
    return best_instance(scores, view.candidates, view.tie_draw)
