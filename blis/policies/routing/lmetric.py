"""Send a request where the tokens to prefill times the requests in flight are fewest.

A product has no weights to tune: a factor common to all instances cancels. Wise for chats and agents, where a cached
prefix and a short batch are both worth having; a long queue of prompts outweighs any cache.

Source: "LMetric" (arXiv:2603.15202); plus one request in flight, as llm-d's scorer has it, so that an empty instance
does not beat every other whatever it has to prefill.
"""

from typing import NamedTuple

from blis.engine.choice import best_instance
from blis.engine.views import RequestView, RouterView
from blis.foundation.units import Float64Vector

SCORES = True
NEEDS = frozenset({"cached_blocks"})


class Params(NamedTuple):
    """No parameters."""


def route(
    view: RouterView,
    request: RequestView,
    params: Float64Vector,
    memory: Float64Vector,
    scores: Float64Vector,
) -> int:
    """Instance of the smallest product."""
    for instance in range(view.n_instances):
        uncached = max(0, request.input_tokens - view.cached_blocks[instance] * view.block_size_tokens)
        prefill = view.queued_tokens[instance] + uncached
        scores[instance] = -float(prefill * (view.in_flight_requests[instance] + 1))
    return best_instance(scores, view.candidates, view.tie_draw)
