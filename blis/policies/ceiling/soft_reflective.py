"""Less urgent bands are opened ever more seldom as the saturation rises, and closed once it is full.

Band i of N is fully open while the saturation S lies below 1 - i S / (N - 1). Beyond, it is open in every k-th cycle,
k = round(S / (1 - S)), and never from S = 1 on; the most urgent band is open below 1. Wise in place of a fixed share
that is held back: nothing stands empty under a low load, and nobody is shut out altogether under a higher one.

Source: llm-d-router's soft-reflective-ceiling-policy, which counts a cycle for each of its asking while S lies in
[0.5, 1). It has no parameters.
"""

import math
from typing import NamedTuple

from blis.engine.views import GatewayView
from blis.foundation.units import Float64Vector

COUNTS_CYCLES = True
_ALMOST_NOTHING = 1e-9


class Params(NamedTuple):
    """No parameters."""


def memory_size(n_instances: int, n_requests: int) -> int:
    """Cycles so far, and the one that goes on."""
    return 2


def limit(gateway: GatewayView, params: Float64Vector, memory: Float64Vector) -> float:
    """1 or 0."""
    saturation = gateway.saturation
    if gateway.band == 0:
        memory[1] = memory[0]
        if 0.5 <= saturation < 1.0:
            memory[0] += 1.0
    if gateway.band == 0 or saturation < 1.0 - gateway.band * saturation / (gateway.n_bands - 1):
        return 1.0
    if saturation >= 1.0:
        return 0.0
    period = max(1.0, math.floor(saturation / (1.0 - saturation + _ALMOST_NOTHING) + 0.5))
    return 1.0 if memory[1] % period == 0.0 else 0.0
