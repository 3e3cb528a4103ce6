"""Send a request where the least work stands before its first token: prompts to compute, and requests to step with.

The classical join-the-shortest-expected-workload, with what a request in flight costs the others given in tokens of
prompt. Wise nearly everywhere, as it knows both caches and queues; it does not see that memory is about to run out.

Source: queueing theory's join-the-shortest-queue by workload; M. Harchol-Balter, "Performance Modeling and Design of
Computer Systems" (2013), chapter 24.
"""

from typing import Annotated, NamedTuple

from blis.engine.choice import best_instance
from blis.engine.views import RequestView, RouterView
from blis.foundation.units import Float64Vector
from blis.policies.parameters import Bounds

SCORES = True
NEEDS = frozenset({"cached_blocks"})


class Params(NamedTuple):
    """What a request in flight counts as, and what full memory does."""

    tokens_per_request: Annotated[float, Bounds(0.0, 1e6, "prompt tokens")] = 200.0
    tokens_of_full_memory: Annotated[float, Bounds(0.0, 1e9, "prompt tokens at full use of KV blocks")] = 0.0


def route(
    view: RouterView,
    request: RequestView,
    params: Float64Vector,
    memory: Float64Vector,
    scores: Float64Vector,
) -> int:
    """Instance of the least expected work."""
    for instance in range(view.n_instances):
        uncached = max(0, request.input_tokens - view.cached_blocks[instance] * view.block_size_tokens)
        work = view.queued_tokens[instance] + uncached + params[0] * view.in_flight_requests[instance]
        used = view.used_blocks[instance] / view.total_blocks[instance]
        scores[instance] = -(work + params[1] * used)
    return best_instance(scores, view.candidates, view.tie_draw)
