"""Divide a request if more than so many tokens of its prompt are not in the decode instance's cache.

As `prefix-threshold`, which asks for as many as the threshold: by a token, they differ where a prompt ends on it.

Source: inference-sim's prefix-threshold decider, with its default.
"""

from typing import Annotated, NamedTuple

from blis.engine.views import DisaggregationView, RequestView, RouterView
from blis.foundation.units import Float64Vector
from blis.policies.parameters import Bounds

NEEDS = frozenset({"cached_blocks"})


class Params(NamedTuple):
    """How much must be exceeded."""

    tokens: Annotated[float, Bounds(0.0, 1e7, "tokens")] = 16.0


def disaggregate(
    view: RouterView, pools: DisaggregationView, request: RequestView, params: Float64Vector, memory: Float64Vector
) -> int:
    """1 if more than the threshold is not cached."""
    return 1 if request.input_tokens - pools.cached_tokens > params[0] else 0
