"""Prefer instances whose prefix cache holds the prompt's beginning, relative to the others."""

from blis.engine.views import RequestView, RouterView
from blis.foundation.units import Float64Vector

NEEDS = frozenset({"cached_blocks"})


def score(view: RouterView, request: RequestView, out: Float64Vector) -> None:
    """(cached blocks - fewest) / (most - fewest); 1 for all if they are equal."""
    first = view.candidates[0]
    low = high = view.cached_blocks[first]
    for instance in view.candidates:
        value = view.cached_blocks[instance]
        low = min(low, value)
        high = max(high, value)
    for instance in view.candidates:
        value = view.cached_blocks[instance]
        out[instance] = (value - low) / (high - low) if high > low else 1.0
