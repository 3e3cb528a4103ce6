"""Preempt the request that was taken last.

What vLLM does under FCFS: the oldest work is never lost, so the batch always gets on.
"""

from typing import NamedTuple

from blis.engine.views import BatchView
from blis.foundation.units import Float64Vector


class Params(NamedTuple):
    """No parameters."""


def victim(view: BatchView, params: Float64Vector, memory: Float64Vector) -> int:
    """The last position."""
    return view.n_candidates - 1
