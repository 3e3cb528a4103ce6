"""The blocks that came first go first, however often they are used.

A lower bound rather than a choice: it is what is left of `lru` if hits teach nothing.
"""

from typing import NamedTuple

from blis.engine.views import BlocksView
from blis.foundation.units import Float64Vector


class Params(NamedTuple):
    """No parameters."""


def rank(view: BlocksView, params: Float64Vector, memory: Float64Vector) -> float:
    """When they were first given back."""
    return float(view.since_us)
