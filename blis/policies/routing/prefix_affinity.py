"""Send a prompt where the identical prompt went before, and a new one to the least loaded instance.

Wise for exact repetitions only: prompts that share a beginning but differ in the tail never match (the
`prefix-affinity` scorer matches those), and a hit ignores load altogether.
"""

from typing import NamedTuple

from blis.engine.choice import best_instance, is_among
from blis.engine.views import RequestView, RouterView
from blis.foundation.units import Float64Vector


class Params(NamedTuple):
    """No parameters."""


def memory_size(n_instances: int, n_requests: int) -> int:
    """Instance of each prompt, plus one; 0 is unknown."""
    return n_requests


def route(
    view: RouterView,
    request: RequestView,
    params: Float64Vector,
    memory: Float64Vector,
    scores: Float64Vector,
) -> int:
    """The candidate that the prompt is known to have gone to, else the one of the smallest effective load."""
    known = int(memory[request.prompt]) - 1
    if known >= 0 and is_among(view.candidates, known):
        return known
    for instance in view.candidates:
        scores[instance] = -view.effective_load[instance]
    best = best_instance(scores, view.candidates, view.tie_draw)
    memory[request.prompt] = best + 1
    return best
