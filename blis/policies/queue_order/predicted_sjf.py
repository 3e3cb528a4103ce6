"""The request that is likely to be the shortest, prompt and output together; who waits counts as ever shorter.

The output is predicted from those that have completed: the mean of the request's tenant and class, before that of
everybody. Wise where requests differ much in length; without ageing long ones starve.

Source: shortest job first with linear ageing, as proposed for SGLang's scheduler: tokens less so many per second of
waiting. Ageing is the same for all, so the moment of joining stands in the key.
"""

from typing import Annotated, NamedTuple

from blis.engine.views import GatewayView, RequestView
from blis.foundation.units import Float64Vector
from blis.policies.parameters import Bounds

NEEDS = frozenset({"expected_output_tokens"})


class Params(NamedTuple):
    """What a token of either kind counts, and how fast waiting makes up for it."""

    input_weight: Annotated[float, Bounds(0.0, 1000.0, "per prompt token")] = 1.0
    output_weight: Annotated[float, Bounds(0.0, 1000.0, "per expected output token")] = 2.0
    ageing_tokens_per_s: Annotated[float, Bounds(0.0, 1e6, "tokens/s of waiting")] = 100.0


def rank(gateway: GatewayView, request: RequestView, params: Float64Vector, memory: Float64Vector) -> float:
    """Weighted tokens, and what has been waited by those who joined before."""
    work = params[0] * request.input_tokens + params[1] * request.expected_output_tokens
    return float(work + params[2] * 1e-6 * gateway.clock_us)
