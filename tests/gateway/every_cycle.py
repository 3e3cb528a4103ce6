"""A ceiling that is said to differ from cycle to cycle: below saturation 1 no tick is left out with it."""

import numba

from blis.engine.views import GatewayView
from blis.foundation.units import Float64Vector

COUNTS_CYCLES = True


@numba.njit
def limit_in_every_cycle(gateway: GatewayView, params: Float64Vector, memory: Float64Vector) -> float:
    """As priority-holdback has it by default: from 1 for the first band to a half for the last."""
    return 1.0 if gateway.n_bands < 2 else 1.0 - gateway.band * 0.5 / (gateway.n_bands - 1)
