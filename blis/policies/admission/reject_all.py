"""Refuse every request.

A pathological policy: it must show up in every report as what it is.
"""

from typing import NamedTuple

from blis.engine.views import RequestView, RouterView
from blis.foundation.units import Float64Vector

LOOKS = False

REASONS = ("reject-all",)


class Params(NamedTuple):
    """No parameters."""


def admit(view: RouterView, request: RequestView, params: Float64Vector, memory: Float64Vector) -> int:
    """1: refused."""
    return 1
