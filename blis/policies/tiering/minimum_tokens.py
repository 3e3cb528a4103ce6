"""Load what the tiers have if that is long enough to be worth the trouble.

Source: LMCache's `min_retrieve_tokens` (0 by default, `lmcache/v1/config.py`). Wise where the latency of a transfer,
not its length, is what loading costs.
"""

from typing import Annotated, NamedTuple

from blis.engine.views import TieringView
from blis.foundation.units import Float64Vector
from blis.policies.parameters import Bounds


class Params(NamedTuple):
    """From which length on."""

    minimum_tokens: Annotated[float, Bounds(0.0, 1e7, "tokens")] = 256.0


def load(view: TieringView, params: Float64Vector, memory: Float64Vector) -> int:
    """All blocks that were found, or none if they hold too few tokens."""
    return view.found_blocks if view.found_blocks * view.block_size_tokens >= params[0] else 0
