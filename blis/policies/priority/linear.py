"""A request's urgency is a weighted sum of its features.

Wise as the simplest rule that trades age, class and size against each other; its weights are what a search
looks for.
"""

from typing import Annotated, NamedTuple

from blis.engine.views import QueueView, RequestView
from blis.foundation.slo import CLASSES, URGENCY
from blis.foundation.units import Float64Vector
from blis.policies.parameters import Bounds

#: All requests age alike, and nothing else changes while they wait.
ORDER_IS_FIXED = True


class Params(NamedTuple):
    """Weight of each feature."""

    age: Annotated[float, Bounds(-1000.0, 1000.0, "per second since arrival")] = 1.0
    urgency: Annotated[float, Bounds(-1000.0, 1000.0, "per unit of the class's default urgency")] = 1.0
    input_tokens: Annotated[float, Bounds(-1000.0, 1000.0, "per thousand prompt tokens")] = 0.0
    preemptions: Annotated[float, Bounds(-1000.0, 1000.0, "per preemption so far")] = 0.0
    round: Annotated[float, Bounds(-1000.0, 1000.0, "per earlier turn of the session")] = 0.0


_URGENCY = tuple(URGENCY[name] for name in CLASSES)


def prioritise(view: QueueView, request: RequestView, params: Float64Vector, memory: Float64Vector) -> float:
    """Sum of weight times feature."""
    return (
        params[0] * (view.clock_us - request.arrival_us) * 1e-6
        + params[1] * _URGENCY[request.slo_class]
        + params[2] * request.input_tokens * 1e-3
        + params[3] * request.preemptions
        + params[4] * request.round
    )
