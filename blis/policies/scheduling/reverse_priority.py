"""Take the least urgent request first.

A pathological policy: it inverts whatever the priority says.
"""

from typing import NamedTuple

from blis.engine.views import QueueView, RequestView
from blis.foundation.units import Float64Vector

SORTS = True
USES_PRIORITY = True


class Params(NamedTuple):
    """No parameters."""


def order(view: QueueView, request: RequestView, params: Float64Vector, memory: Float64Vector) -> float:
    """The priority."""
    return request.priority
