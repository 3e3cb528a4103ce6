"""Keep the number of instances, and replace those that die.

Wise where load is steady, and as the bound that every other answer has to beat at its cost.
"""

from typing import Annotated, NamedTuple

from blis.engine.fleet_view import FleetView
from blis.foundation.units import Float64Vector, Int64Vector
from blis.policies.parameters import Bounds


class Params(NamedTuple):
    """How many there are to be."""

    instances: Annotated[float, Bounds(0.0, 100_000.0, "instances of each pool; 0: as at the start")] = 0.0


def scale(view: FleetView, params: Float64Vector, memory: Float64Vector, wanted: Int64Vector) -> None:
    """As many as at the start, or as are given."""
    for pool in range(view.n_pools):
        wanted[pool] = int(params[0]) if params[0] >= 1.0 else view.initial_instances[pool]
