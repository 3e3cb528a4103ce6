"""Divide a request unless little of it is new to the decode instance, or the prefill instance is busy.

Wise where prompts differ in how much of them is cached, and the prefill side can be overrun: who would only wait there
is computed where it decodes. `isl-bounding` looks at the prompt alone, `prefill-load` at the prefill instance alone,
`isl-or-load` lets either reason do. With `decode_busy_veto` a busy decode instance is never given a prompt as well.

Source: NVIDIA Dynamo's conditional disaggregation (`lib/kv-router/src/conditional_disagg.rs`), its modes, strict
comparisons, and defaults for the first. Busy is, here, so many waiting prompt tokens for each token that a step of the
prefill instance computes, and the share of KV blocks that the decode instance has in use: published thresholds of load
there are none, so 1 and 0.9 are our own.
"""

from typing import Annotated, NamedTuple

from blis.engine.views import DisaggregationView, RequestView, RouterView
from blis.foundation.units import Float64Vector
from blis.policies.parameters import Bounds, OneOf

NEEDS = frozenset({"cached_blocks"})
SEES_PREFILL_INSTANCE = True
_ISL_BOUNDING, _PREFILL_LOAD, _ISL_OR_LOAD = range(3)


class Params(NamedTuple):
    """Which reasons count, and from where on."""

    mode: Annotated[str, OneOf(("isl-bounding", "prefill-load", "isl-or-load"))] = "isl-bounding"
    new_tokens: Annotated[float, Bounds(0.0, 1e7, "tokens, below which little is new")] = 2048.0
    new_share: Annotated[float, Bounds(0.0, 1.0, "share of the prompt, below which little is new")] = 0.7
    prefill_busy_steps: Annotated[float, Bounds(0.0, 1e6, "full steps of waiting prompts")] = 1.0
    decode_busy_veto: Annotated[str, OneOf(("off", "on"))] = "off"
    decode_busy_share: Annotated[float, Bounds(0.0, 1.0, "share of KV blocks in use")] = 0.9


def disaggregate(
    view: RouterView, pools: DisaggregationView, request: RequestView, params: Float64Vector, memory: Float64Vector
) -> int:
    """0 if a reason holds to let the decode instance do both, and it is not too busy for that; else 1."""
    new = max(0, request.input_tokens - pools.cached_tokens)
    is_short = new < params[1] and new < params[2] * max(1, request.input_tokens)
    is_busy = pools.chosen_prefill_tokens > params[3] * pools.chosen_budget_tokens
    bypasses = (params[0] != _PREFILL_LOAD and is_short) or (params[0] != _ISL_BOUNDING and is_busy)
    if not bypasses:
        return 1
    if params[4] != 0.0:
        decode = pools.decode_instance
        if view.is_known[decode] == 0 or view.used_blocks[decode] >= params[5] * view.total_blocks[decode]:
            return 1
    return 0
