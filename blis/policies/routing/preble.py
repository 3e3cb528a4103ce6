"""Stay with the instances that hold most of the prompt, if that is most of it and they are not too busy; else explore.

Exploits a cached prefix where it saves more than is left to compute, among those that hold it the one with least work;
explores the whole cluster for the least work where it does not, or where the holders have many more requests in flight
than others. Wise for long shared prompts and tools.

Source: "Preble: Efficient Distributed Prompt Scheduling for LLM Serving" (ICLR 2025), its rule of two cases; work is
counted as `shortest-expected-work` counts it, in place of the window of three minutes that the original profiles.
"""

from typing import Annotated, NamedTuple

from blis.engine.choice import best_instance
from blis.engine.views import RequestView, RouterView
from blis.foundation.units import Float64Vector
from blis.policies.parameters import Bounds

SCORES = True
NEEDS = frozenset({"affinity_blocks"})
_NEVER = -1e18


class Params(NamedTuple):
    """What a request in flight counts as, and how unequal the load may be."""

    tokens_per_request: Annotated[float, Bounds(0.0, 1e6, "prompt tokens")] = 200.0
    most_load_ratio: Annotated[float, Bounds(1.0, 1e6, "times the least load plus one")] = 2.0


def route(
    view: RouterView,
    request: RequestView,
    params: Float64Vector,
    memory: Float64Vector,
    scores: Float64Vector,
) -> int:
    """The least work among the holders, or among all."""
    matched, least_load = 0, view.in_flight_requests[view.candidates[0]]
    for instance in view.candidates:
        matched = max(matched, view.affinity_blocks[instance])
        least_load = min(least_load, view.in_flight_requests[instance])
    size, most_load = view.block_size_tokens, params[1] * (least_load + 1)
    exploits = 2 * matched * size > request.input_tokens
    found = False
    for instance in view.candidates:
        load, held = view.in_flight_requests[instance], view.affinity_blocks[instance]
        uncached = max(0, request.input_tokens - held * size)
        scores[instance] = -(view.queued_tokens[instance] + uncached + params[0] * load)
        found = found or (held == matched and load <= most_load)
    if exploits and found:
        for instance in range(view.n_instances):
            if view.affinity_blocks[instance] < matched or view.in_flight_requests[instance] > most_load:
                scores[instance] = _NEVER
    return best_instance(scores, view.candidates, view.tie_draw)
