"""Preempt the least urgent request, and among equals the one that arrived last.

Wise when classes differ: critical work keeps its memory. What vLLM does under its priority scheduler.
"""

from typing import NamedTuple

from blis.engine._jit import kernel
from blis.engine.views import BatchView
from blis.foundation.units import Float64Vector

NEEDS_PRIORITY = True


class Params(NamedTuple):
    """No parameters."""


def victim(view: BatchView, params: Float64Vector, memory: Float64Vector) -> int:
    """Position of the smallest priority; of equals the latest arrival."""
    worst = 0
    for position in range(1, view.n_candidates):
        if _gives_way(view, position, worst):
            worst = position
    return worst


@kernel
def _gives_way(view: BatchView, one: int, other: int) -> bool:
    """Whether one has to give way before the other."""
    if view.priority[one] != view.priority[other]:
        return bool(view.priority[one] < view.priority[other])
    if view.arrival_us[one] != view.arrival_us[other]:
        return bool(view.arrival_us[one] > view.arrival_us[other])
    return bool(view.request[one] > view.request[other])
