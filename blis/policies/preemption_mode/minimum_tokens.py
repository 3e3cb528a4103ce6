"""Keep the blocks of requests that hold many computed tokens; the others compute anew.

Wise where the latency of a copy is what copying costs, or where attention makes long contexts dearer to compute than to
copy; host memory stays free for those that need it most.
"""

from typing import Annotated, NamedTuple

from blis.engine.swap_view import SwapView
from blis.foundation.units import Float64Vector
from blis.policies.parameters import Bounds


class Params(NamedTuple):
    """From which length on."""

    minimum_tokens: Annotated[float, Bounds(0.0, 1e7, "tokens")] = 1024.0


def swap(view: SwapView, params: Float64Vector, memory: Float64Vector) -> int:
    """Whether the request holds so many tokens."""
    return 1 if view.stored_tokens >= params[0] else 0
