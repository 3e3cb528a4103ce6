"""Jump between the fewest and the most instances: the control that shows what an autoscaler must not do.

Never wise. Every jump up pays for loading, and every jump down throws caches away.
"""

from typing import Annotated, NamedTuple

from blis.engine.fleet_view import FleetView
from blis.foundation.units import Float64Vector, Int64Vector
from blis.policies.parameters import Bounds


class Params(NamedTuple):
    """How long it stays."""

    ticks: Annotated[float, Bounds(1.0, 1e6, "ticks at each end")] = 4.0


def memory_size(n_instances: int, n_requests: int) -> int:
    """Ticks so far."""
    return 1


def scale(view: FleetView, params: Float64Vector, memory: Float64Vector, wanted: Int64Vector) -> None:
    """The most for some ticks, then the fewest for as many."""
    is_high = int(memory[0] / params[0]) % 2 == 0
    memory[0] += 1.0
    for pool in range(view.n_pools):
        wanted[pool] = view.maximum_instances[pool] if is_high else view.minimum_instances[pool]
