"""Ask several filters, each about those that the ones before have kept, until all are asked or nobody is left.

Wise where rules are told apart: first what must not be, then what is better avoided.

Source: the list of filters of an llm-d scheduling profile.
"""

from typing import Annotated, Any, NamedTuple

from blis.engine.views import RequestView, RouterView
from blis.foundation.units import Float64Vector, Int64Vector
from blis.policies.parameters import FilterList

LOOKS = False


class Params(NamedTuple):
    """The filters in their order, each a name or {policy: name, parameter: value ...}."""

    filters: Annotated[tuple[Any, ...], FilterList()] = ()


def keep(view: RouterView, request: RequestView, params: Float64Vector, kept: Int64Vector) -> None:
    """Nobody leaves by the chain itself: its filters are asked in its place."""
