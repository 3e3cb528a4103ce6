"""Refuse the classes that may be shed while the cluster is saturated.

Wise as the plainest protection of what must be served: below saturation nobody is refused. Reacts to reported queues
and memory, so a burst passes before they show it. `tier-shed` refuses by the load of the busiest instance instead, and
says for each class how urgent it is.

Source: the legacy admission of the Gateway API inference extension, llm-d's gateway without flow control: a priority
below 0 is refused where the mean of max(queue / 5, KV use / 0.8) reaches 1.
"""

from typing import Annotated, NamedTuple

from blis.engine.saturation import pool_saturation
from blis.engine.views import RequestView, RouterView
from blis.foundation.slo import CLASSES, URGENCY
from blis.foundation.units import Float64Vector
from blis.policies.parameters import Bounds

REASONS = ("sheddable class while the cluster is saturated",)
_URGENCY = tuple(URGENCY[name] for name in CLASSES)


class Params(NamedTuple):
    """What counts as full, and who may be refused."""

    queue_depth_threshold: Annotated[float, Bounds(0.001, 1e9, "waiting requests per instance")] = 5.0
    kv_cache_util_threshold: Annotated[float, Bounds(0.001, 1000.0, "share of KV blocks in use")] = 0.8
    minimum_urgency: Annotated[float, Bounds(-100.0, 100.0, "urgency")] = 0.0


def admit(view: RouterView, request: RequestView, params: Float64Vector, memory: Float64Vector) -> int:
    """0 unless the class is below the minimum and the cluster saturated; then 1."""
    if _URGENCY[request.slo_class] >= params[2]:
        return 0
    return 1 if pool_saturation(view, params[0], params[1]) >= 1.0 else 0
