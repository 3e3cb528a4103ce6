"""Keep everybody: whoever is routable and serves the model may get the request.

Wise unless something must be ruled out that no score should outweigh.
"""

from typing import NamedTuple

from blis.engine.views import RequestView, RouterView
from blis.foundation.units import Float64Vector, Int64Vector

LOOKS = False


class Params(NamedTuple):
    """No parameters."""


def keep(view: RouterView, request: RequestView, params: Float64Vector, kept: Int64Vector) -> None:
    """Nobody leaves."""
