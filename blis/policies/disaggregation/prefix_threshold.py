"""Divide a request if at least so many tokens of its prompt are not in the decode instance's cache.

Wise where prompts share much: what little a follow-up turn adds is computed sooner than the rest is sent.

Source: llm-d-router's prefix-based-pd-decider, with its conditions (`>=`): `tokens` is its nonCachedTokens, of which 0
means never, and 16 is what its sample file has; `prompt_tokens` its promptTokens. inference-sim asks for more than the
threshold: `above-prefix-threshold`.
"""

from typing import Annotated, NamedTuple

from blis.engine.views import DisaggregationView, RequestView, RouterView
from blis.foundation.units import Float64Vector
from blis.policies.parameters import Bounds

NEEDS = frozenset({"cached_blocks"})


class Params(NamedTuple):
    """How much has to be computed, and how long the prompt has to be."""

    tokens: Annotated[float, Bounds(0.0, 1e7, "tokens; 0: never")] = 16.0
    prompt_tokens: Annotated[float, Bounds(0.0, 1e7, "tokens")] = 0.0


def disaggregate(
    view: RouterView, pools: DisaggregationView, request: RequestView, params: Float64Vector, memory: Float64Vector
) -> int:
    """1 if the prompt is long enough, and what is not cached of it too."""
    if params[0] <= 0.0 or request.input_tokens < max(params[0], params[1]):
        return 0
    return 1 if request.input_tokens - pools.cached_tokens >= params[0] else 0
