"""The blocks used longest ago go first, where those of an urgent class count as used later than they were.

Wise where classes differ in what a miss costs them. Urgency decays: each unit of it is worth so many seconds of age, so
nothing stays for ever because somebody urgent used it once.

SGLang's `priority` orders by priority first and age second, which a large `s_per_urgency` comes to.
"""

from typing import Annotated, NamedTuple

from blis.engine.views import BlocksView
from blis.foundation.slo import CLASSES, URGENCY
from blis.foundation.units import US_PER_S, Float64Vector
from blis.policies.parameters import Bounds


class Params(NamedTuple):
    """What urgency is worth, and how urgent each class is."""

    s_per_urgency: Annotated[float, Bounds(0.0, 86_400.0, "s of age per unit of urgency")] = 10.0
    unnamed: Annotated[float, Bounds(-100.0, 100.0, "urgency")] = URGENCY[""]
    critical: Annotated[float, Bounds(-100.0, 100.0, "urgency")] = URGENCY["critical"]
    realtime: Annotated[float, Bounds(-100.0, 100.0, "urgency")] = URGENCY["realtime"]
    standard: Annotated[float, Bounds(-100.0, 100.0, "urgency")] = URGENCY["standard"]
    interactive: Annotated[float, Bounds(-100.0, 100.0, "urgency")] = URGENCY["interactive"]
    batch: Annotated[float, Bounds(-100.0, 100.0, "urgency")] = URGENCY["batch"]
    sheddable: Annotated[float, Bounds(-100.0, 100.0, "urgency")] = URGENCY["sheddable"]
    background: Annotated[float, Bounds(-100.0, 100.0, "urgency")] = URGENCY["background"]


_FIRST_CLASS = len(Params._fields) - len(CLASSES)


def rank(view: BlocksView, params: Float64Vector, memory: Float64Vector) -> float:
    """When they were given back, later by the urgency of the class that did."""
    return float(view.clock_us + params[0] * US_PER_S * params[_FIRST_CLASS + view.slo_class])
