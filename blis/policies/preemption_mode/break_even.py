"""Keep the blocks if copying them out and back is expected to be quicker than to compute their tokens again.

A copy takes its latency and its bytes over the bandwidth, and on its way out waits for those before it; computing takes
what the tokens add to a step. Wise wherever copies are neither always cheap nor always dear: behind a queue of copies,
or where lengths differ. It does not know what the prefix cache will still have when the request is taken again, for
which `worth` may be above 1, nor that copies which run beside steps keep nobody else waiting, for which it may be
below 1.
"""

from typing import Annotated, NamedTuple

from blis.engine.swap_view import SwapView
from blis.foundation.units import Float64Vector
from blis.policies.parameters import Bounds


class Params(NamedTuple):
    """How much quicker."""

    worth: Annotated[float, Bounds(0.01, 100.0)] = 1.0


def swap(view: SwapView, params: Float64Vector, memory: Float64Vector) -> int:
    """Whether the time of both copies times `worth` is below that of computing."""
    return 1 if (view.out_us + view.back_us) * params[0] < view.compute_us else 0
