"""Refuse the classes that may be shed the more often, the fuller the cluster is.

With probability min(1, k S^power) of the saturation S: by the defaults 2 % at 0.15, 73 % at 0.3, and everybody from
0.32 on. Wise where load comes in waves: it leans against them before queues are long, and never flips all at once.

Source: llm-d's probabilistic-admitter, with its defaults. What is drawn is the request's own draw, so that every policy
that refuses by chance meets the same chances; where ties are not drawn it is a hash of the request's place.
"""

from typing import Annotated, NamedTuple

from blis.engine.choice import LOWEST_INDEX, mixed
from blis.engine.saturation import pool_saturation
from blis.engine.views import RequestView, RouterView
from blis.foundation.slo import CLASSES, URGENCY
from blis.foundation.units import Float64Vector
from blis.policies.parameters import Bounds

REASONS = ("drawn among sheddable classes under load",)
_URGENCY = tuple(URGENCY[name] for name in CLASSES)
#: Beyond every instance's index, with which the same draw decides ties.
_OF_ADMISSION = 1 << 30
_ALL_DRAWS = float(1 << 32)
#: Far beyond full; its powers are still numbers.
_BEYOND_FULL = 1000.0


class Params(NamedTuple):
    """What counts as full, how refusals grow, and who may be refused."""

    queue_depth_threshold: Annotated[float, Bounds(0.001, 1e9, "waiting requests per instance")] = 5.0
    kv_cache_util_threshold: Annotated[float, Bounds(0.001, 1000.0, "share of KV blocks in use")] = 0.8
    power: Annotated[float, Bounds(0.0, 100.0)] = 5.0
    k: Annotated[float, Bounds(0.0, 1e6, "probability at saturation 1, if below 1")] = 300.0
    minimum_urgency: Annotated[float, Bounds(-100.0, 100.0, "urgency")] = 0.0


def admit(view: RouterView, request: RequestView, params: Float64Vector, memory: Float64Vector) -> int:
    """0, or with a probability that grows with the load 1, if the class is below the minimum."""
    if _URGENCY[request.slo_class] >= params[4]:
        return 0
    saturation = min(_BEYOND_FULL, pool_saturation(view, params[0], params[1]))
    word = mixed(request.request) if view.tie_draw == LOWEST_INDEX else view.tie_draw
    return 1 if mixed(word ^ _OF_ADMISSION) < _ALL_DRAWS * min(1.0, params[3] * saturation ** params[2]) else 0
