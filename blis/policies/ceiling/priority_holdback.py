"""Lower ceilings for less urgent bands, from the largest for the most urgent to the smallest for the least.

Wise where a burst of urgent requests must find room at once: the less urgent ones leave it some, always. What is held
back stands empty while nobody urgent comes.

Source: llm-d-router's priority-holdback-policy: by rank, c_i = most - i (most - least) / (N - 1) over N active bands;
by value, by where the band's urgency lies between the least and the most. A band alone has the largest.
"""

from typing import Annotated, NamedTuple

from blis.engine.views import GatewayView
from blis.foundation.units import Float64Vector
from blis.policies.parameters import Bounds, OneOf

_BY_RANK = 0


class Params(NamedTuple):
    """The two ends, and what lies between them."""

    min_ceiling: Annotated[float, Bounds(0.0, 1.0, "saturation")] = 0.5
    max_ceiling: Annotated[float, Bounds(0.001, 1.0, "saturation")] = 1.0
    domain: Annotated[str, OneOf(("rank", "value"))] = "rank"


def limit(gateway: GatewayView, params: Float64Vector, memory: Float64Vector) -> float:
    """The ceiling of the band's place, or of its urgency."""
    least = min(params[0], params[1])
    if gateway.n_bands < 2:
        return float(params[1])
    if params[2] == _BY_RANK:
        return float(params[1] - gateway.band * (params[1] - least) / (gateway.n_bands - 1))
    share = (gateway.urgency - gateway.least_urgency) / (gateway.most_urgency - gateway.least_urgency)
    return float(least + share * (params[1] - least))
