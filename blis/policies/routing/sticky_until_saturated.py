"""Stay with the instances that were sent most of the prompt before, until they have too much to compute; then spread.

Instances that hold at least a share of the prompt are the only candidates, unless the least burdened of them has many
more prompt tokens ahead than the least burdened of the others. Of the candidates the one with the fewest tokens to
compute gets the request, those of the request included; or, where decodes are what is short, the one with the fewest
requests in flight. All of it is the router's own count, which is never old. Wise where prompts share much.

Source: llm-d, guide "optimized baseline" (prefix-cache-affinity-filter before token-load-scorer, or before
active-request-scorer), with its numbers: 35 steps of 8,192 tokens.
"""

from typing import Annotated, NamedTuple

from blis.engine.choice import best_instance
from blis.engine.views import RequestView, RouterView
from blis.foundation.units import Float64Vector
from blis.policies.parameters import Bounds, OneOf

SCORES = True
NEEDS = frozenset({"affinity_blocks", "sent_prompts"})
_NEVER = -1e18


class Params(NamedTuple):
    """From which match on an instance is stuck to, how much more it may have ahead, and what is weighed then."""

    affinity_threshold: Annotated[float, Bounds(0.0, 1.0, "share of the prompt's whole blocks")] = 0.8
    most_extra_tokens: Annotated[float, Bounds(0.0, 1e12, "prompt tokens; 0: any number")] = 286_720.0
    load: Annotated[str, OneOf(("tokens", "requests"))] = "tokens"


def route(
    view: RouterView,
    request: RequestView,
    params: Float64Vector,
    memory: Float64Vector,
    scores: Float64Vector,
) -> int:
    """The least load of the candidates; others score as low as can be."""
    needed = params[0] * request.prompt_blocks if request.prompt_blocks > 0 else 1.0
    least_held, least_other = -1, -1
    for instance in view.candidates:
        tokens = view.sent_tokens[instance]
        if view.affinity_blocks[instance] >= needed:
            least_held = tokens if least_held < 0 else min(least_held, tokens)
        else:
            least_other = tokens if least_other < 0 else min(least_other, tokens)
    is_saturated = params[1] > 0.0 and least_other >= 0 and least_held - least_other > params[1]
    sticks = least_held >= 0 and not is_saturated
    for instance in view.candidates:
        held = view.affinity_blocks[instance]
        if sticks and held < needed:
            scores[instance] = _NEVER
        elif params[2] == 0.0:
            uncached = max(0, request.input_tokens - held * view.block_size_tokens)
            scores[instance] = -float(view.sent_tokens[instance] + uncached)
        else:
            scores[instance] = -float(view.in_flight_requests[instance])
    return best_instance(scores, view.candidates, view.tie_draw)
