"""Keep all blocks in the host's memory as long as there is room.

Wise where contexts are long, copies quick and prefix caching off. What vLLM's first engine did if it was told to
(`preemption_mode=swap`).
"""

from typing import NamedTuple

from blis.engine.swap_view import SwapView
from blis.foundation.units import Float64Vector


class Params(NamedTuple):
    """No parameters."""


def swap(view: SwapView, params: Float64Vector, memory: Float64Vector) -> int:
    """Always."""
    return 1
