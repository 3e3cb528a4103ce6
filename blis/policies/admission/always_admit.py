"""Admit every request.

Wise while the cluster keeps up with its load.
"""

from typing import NamedTuple

from blis.engine.views import RequestView, RouterView
from blis.foundation.units import Float64Vector

LOOKS = False
ADMITS_ALL = True


class Params(NamedTuple):
    """No parameters."""


def admit(view: RouterView, request: RequestView, params: Float64Vector, memory: Float64Vector) -> int:
    """0: admitted."""
    return 0
