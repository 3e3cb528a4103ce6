"""Prefer instances to which the router itself sent the prompt's beginning before."""

from blis.engine.views import RequestView, RouterView
from blis.foundation.units import Float64Vector

NEEDS = frozenset({"affinity_blocks"})


def score(view: RouterView, request: RequestView, out: Float64Vector) -> None:
    """Share of the prompt's whole blocks in the router's index of the instance; 0 below one block."""
    for instance in range(view.n_instances):
        out[instance] = view.affinity_blocks[instance] / request.prompt_blocks if request.prompt_blocks > 0 else 0.0
