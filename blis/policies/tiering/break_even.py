"""Load what the tiers have if that is quicker than to compute it.

Loading n tokens takes their bytes over the bandwidth, the latency, and the wait for other transfers; computing them
takes what they add to the step. With 160 KB of KV per token and 16,000 prompt tokens computed in a second, loading pays
from 2.6 GB/s on. Wise wherever tiers are slow or busy. It does not see that whoever computes keeps others waiting, for
which `worth` may be below 1, nor that a load which lengthens the step does too, for which it may be above 1.
"""

from typing import Annotated, NamedTuple

from blis.engine.views import TieringView
from blis.foundation.units import Float64Vector
from blis.policies.parameters import Bounds


class Params(NamedTuple):
    """How much quicker, and from which length on."""

    worth: Annotated[float, Bounds(0.01, 100.0)] = 1.0
    minimum_tokens: Annotated[float, Bounds(0.0, 1e7, "tokens")] = 0.0


def load(view: TieringView, params: Float64Vector, memory: Float64Vector) -> int:
    """All blocks that were found, if the time of loading times `worth` is below that of computing; else none."""
    is_quicker = view.load_us * params[0] < view.compute_us
    return view.found_blocks if is_quicker and view.found_blocks * view.block_size_tokens >= params[1] else 0
