"""Compute anew whatever the prefix cache has no more, when the request is taken again.

Wise where prompts are short, copies slow, or prefix caching leaves a victim most of its blocks. What vLLM does today.
"""

from typing import NamedTuple

from blis.engine.swap_view import SwapView
from blis.foundation.units import Float64Vector

NEVER_SWAPS = True


class Params(NamedTuple):
    """No parameters."""


def swap(view: SwapView, params: Float64Vector, memory: Float64Vector) -> int:
    """Never."""
    return 0
