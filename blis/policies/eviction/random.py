"""Blocks go in an order that is drawn.

A bound: what does no better has learned nothing. Every run is drawn a number when it is given back, by the seed.
"""

from typing import NamedTuple

from blis.engine.views import BlocksView
from blis.foundation.units import Float64Vector


class Params(NamedTuple):
    """No parameters."""


def rank(view: BlocksView, params: Float64Vector, memory: Float64Vector) -> float:
    """What was drawn."""
    return float(view.draw)
