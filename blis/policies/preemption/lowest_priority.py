"""Preempt the least urgent request, and among equals the one taken last.

Wise when classes differ: critical work keeps its memory. What vLLM does under its priority scheduler.
"""

from typing import NamedTuple

from blis.engine.views import BatchView
from blis.foundation.units import Float64Vector

NEEDS_PRIORITY = True


class Params(NamedTuple):
    """No parameters."""


def victim(view: BatchView, params: Float64Vector, memory: Float64Vector) -> int:
    """Position of the smallest priority; the last of equals."""
    worst = 0
    for position in range(1, view.n_candidates):
        if view.priority[position] <= view.priority[worst]:
            worst = position
    return worst
