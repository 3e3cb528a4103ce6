"""A request is as urgent as its SLO class.

Wise when classes differ in what waiting costs them, and the less urgent ones can be starved for a while.
"""

from typing import Annotated, NamedTuple

from blis.engine.views import QueueView, RequestView
from blis.foundation.slo import URGENCY
from blis.foundation.units import Float64Vector
from blis.policies.parameters import Bounds

ORDER_IS_FIXED = True


class Params(NamedTuple):
    """Urgency of each class, in the order of `blis.foundation.slo.CLASSES`."""

    unnamed: Annotated[float, Bounds(-100.0, 100.0, "urgency")] = URGENCY[""]
    critical: Annotated[float, Bounds(-100.0, 100.0, "urgency")] = URGENCY["critical"]
    realtime: Annotated[float, Bounds(-100.0, 100.0, "urgency")] = URGENCY["realtime"]
    standard: Annotated[float, Bounds(-100.0, 100.0, "urgency")] = URGENCY["standard"]
    interactive: Annotated[float, Bounds(-100.0, 100.0, "urgency")] = URGENCY["interactive"]
    batch: Annotated[float, Bounds(-100.0, 100.0, "urgency")] = URGENCY["batch"]
    sheddable: Annotated[float, Bounds(-100.0, 100.0, "urgency")] = URGENCY["sheddable"]
    background: Annotated[float, Bounds(-100.0, 100.0, "urgency")] = URGENCY["background"]


def prioritise(view: QueueView, request: RequestView, params: Float64Vector, memory: Float64Vector) -> float:
    """The weight of the request's class."""
    return params[request.slo_class]
