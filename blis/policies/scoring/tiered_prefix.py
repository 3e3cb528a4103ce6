"""Prefer instances that have the beginning of the prompt on their GPU or in tiers beneath, by what it is worth there.

Without tiers, the share of the prompt in the GPU's cache. Source: the credits of Dynamo's router (device 1.0, host
0.75, disk 0.25) and llm-d's precise prefix scorer with a weight for each device; `router_credit` of a tier replaces
them.
"""

from blis.engine.views import RequestView, RouterView
from blis.foundation.units import Float64Vector

NEEDS = frozenset({"tiered_blocks"})


def score(view: RouterView, request: RequestView, out: Float64Vector) -> None:
    """Worth of the leading blocks that it has over the prompt's whole blocks; 0 below one block."""
    for instance in range(view.n_instances):
        out[instance] = view.tiered_blocks[instance] / request.prompt_blocks if request.prompt_blocks > 0 else 0.0
