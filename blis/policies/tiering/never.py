"""Load nothing: what the GPU does not have is computed.

What loading is compared with: tiers are written, and cost nothing and save nothing.
"""

from typing import NamedTuple

from blis.engine.views import TieringView
from blis.foundation.units import Float64Vector


class Params(NamedTuple):
    """No parameters."""


def load(view: TieringView, params: Float64Vector, memory: Float64Vector) -> int:
    """No block."""
    return 0
