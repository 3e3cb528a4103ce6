"""Evict as the cluster says of each of its tiers."""

from typing import NamedTuple

from blis.engine.tier_rules_view import TierView
from blis.foundation.units import Float64Vector


class Params(NamedTuple):
    """No parameters."""


def evict_as(view: TierView, params: Float64Vector, memory: Float64Vector) -> int:
    """The rule that it has."""
    return view.configured
