"""Take requests level by level: short prompts on the first, each level twice as long as the one before it.

A request enters the first level whose quantum its prompt fits into (what of it is not cached), sinks one level with
each preemption, and comes to the first level once it has waited long; within a level the earlier arrival goes first.
Wise where prompts differ by orders of magnitude: nearly shortest first, and nobody starves.

Source: FastServe's skip-join multi-level feedback queue (quanta of 10 ms times a power of 2, starvation after 3 s).
There running jobs that exceed their quantum are preempted in each iteration; here an instance serves whoever it has
taken, so only who gives way for lack of memory sinks. A prompt's time is its tokens at a rate that is a parameter.
"""

from typing import Annotated, NamedTuple

from blis.engine.views import QueueView, RequestView
from blis.foundation.units import Float64Vector
from blis.policies.parameters import Bounds

SORTS = True
USES_PRIORITY = False
ORDER_IS_FIXED = False
NEEDS = frozenset({"uncached_tokens"})
_MOST_LEVELS = 64


class Params(NamedTuple):
    """The first level's quantum, what a prompt costs, and when waiting is enough."""

    quantum_ms: Annotated[float, Bounds(0.001, 1e6, "ms")] = 10.0
    prefill_us_per_token: Annotated[float, Bounds(0.0, 1e6, "µs/token")] = 29.6
    starvation_ms: Annotated[float, Bounds(0.0, 1e9, "ms since arrival")] = 3000.0


def order(view: QueueView, request: RequestView, params: Float64Vector, memory: Float64Vector) -> float:
    """The request's level."""
    if view.clock_us - request.arrival_us >= params[2] * 1e3:
        return 0.0
    prefill_us, quantum_us = params[1] * view.uncached_tokens, params[0] * 1e3
    level = 0
    while level < _MOST_LEVELS and quantum_us < prefill_us:
        level += 1
        quantum_us *= 2.0
    return float(level + request.preemptions)
