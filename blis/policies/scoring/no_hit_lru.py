"""Spread prompts that nobody has cached: prefer instances that got such a prompt longest ago.

A prompt that some instance has cached scores 0.5 everywhere, and is no use of any.
"""

from blis.engine.views import RequestView, RouterView
from blis.foundation.units import Float64Vector

NEEDS = frozenset({"cached_blocks"})


def score(view: RouterView, request: RequestView, out: Float64Vector) -> None:
    """0.5 if any instance has the first block; else 1 - rank / (n - 1), never used instances first, by index."""
    for instance in view.candidates:
        if view.cached_blocks[instance] > 0:
            out[:] = 0.5
            return
    n = view.candidates.shape[0]
    for instance in view.candidates:
        rank = 0
        for other in view.candidates:
            use, own = view.last_cold_use[other], view.last_cold_use[instance]
            if use < own or (use == own and other < instance):
                rank += 1
        out[instance] = 1.0 - rank / (n - 1) if n > 1 else 1.0
