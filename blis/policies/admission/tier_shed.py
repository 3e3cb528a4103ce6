"""Refuse the less urgent classes while any instance is loaded beyond a threshold.

Wise under overload with classes: what can wait or be retried makes room for what cannot.
"""

from typing import Annotated, NamedTuple

from blis.engine.views import RequestView, RouterView
from blis.foundation.slo import CLASSES, URGENCY
from blis.foundation.units import Float64Vector
from blis.policies.parameters import Bounds

REASONS = ("class below the minimum urgency under load",)


class Params(NamedTuple):
    """When shedding begins, what is spared, and how urgent each class is."""

    threshold_requests: Annotated[float, Bounds(0.0, 1e9, "requests")] = 0.0
    minimum_urgency: Annotated[float, Bounds(-100.0, 100.0, "urgency")] = 3.0
    unnamed: Annotated[float, Bounds(-100.0, 100.0, "urgency")] = URGENCY[""]
    critical: Annotated[float, Bounds(-100.0, 100.0, "urgency")] = URGENCY["critical"]
    realtime: Annotated[float, Bounds(-100.0, 100.0, "urgency")] = URGENCY["realtime"]
    standard: Annotated[float, Bounds(-100.0, 100.0, "urgency")] = URGENCY["standard"]
    interactive: Annotated[float, Bounds(-100.0, 100.0, "urgency")] = URGENCY["interactive"]
    batch: Annotated[float, Bounds(-100.0, 100.0, "urgency")] = URGENCY["batch"]
    sheddable: Annotated[float, Bounds(-100.0, 100.0, "urgency")] = URGENCY["sheddable"]
    background: Annotated[float, Bounds(-100.0, 100.0, "urgency")] = URGENCY["background"]


_FIRST_CLASS = len(Params._fields) - len(CLASSES)


def admit(view: RouterView, request: RequestView, params: Float64Vector, memory: Float64Vector) -> int:
    """0 unless the largest load exceeds the threshold and the request's class is below the minimum; then 1."""
    largest = 0
    for instance in view.candidates:
        largest = max(largest, view.effective_load[instance])
    if largest <= params[0] or params[_FIRST_CLASS + request.slo_class] >= params[1]:
        return 0
    return 1
