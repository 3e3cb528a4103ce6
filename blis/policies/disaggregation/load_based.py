"""Divide a request if the prompts that wait at the prefill instances keep them busy for less time than decodes suffer.

Wise where load moves between the sides: prompts go where there is less to do. The prefill side is as full as the steps
that its waiting prompts, and this one, take; the decode side as the share of its slots in use, weighed.
"""

from typing import Annotated, NamedTuple

from blis.engine.views import DisaggregationView, RequestView, RouterView
from blis.foundation.units import Float64Vector
from blis.policies.parameters import Bounds

NEEDS = frozenset({"cached_blocks"})


class Params(NamedTuple):
    """What a full decode side weighs, from where on it counts, and how short a prompt is not worth a transfer."""

    decode_weight: Annotated[float, Bounds(0.0, 1000.0, "steps of prompts per full decode side")] = 4.0
    decode_floor: Annotated[float, Bounds(0.0, 1.0, "share of decode slots in use, below which nothing is divided")] = (
        0.05
    )
    least_tokens: Annotated[float, Bounds(0.0, 1e7, "tokens to be computed")] = 64.0


def disaggregate(
    view: RouterView, pools: DisaggregationView, request: RequestView, params: Float64Vector, memory: Float64Vector
) -> int:
    """1 if the decode side is fuller than the prefill side."""
    new = max(0, request.input_tokens - pools.cached_tokens)
    if new < params[2]:
        return 0
    share = pools.decode_requests / max(1, pools.decode_slots)
    if share < params[1]:
        return 0
    steps = (pools.prefill_tokens + new) / max(1, pools.prefill_budget_tokens)
    return 1 if params[0] * share > steps else 0
