"""Take the request that is likely to be the shortest, prompt and output together; who waits counts as ever shorter.

The output is predicted from those that the instance has completed: the mean of the request's tenant and class, before
that of everybody. Wise where tenants or classes differ in what they have written; without ageing long ones starve.

Source: shortest job first with ageing as in TensorRT-LLM's and SGLang's proposals (fewest uncached tokens, less tokens
per second of waiting); in place of a learned predictor of outputs an online mean, as VTC's predicted variant has.
"""

from typing import Annotated, NamedTuple

from blis.engine.views import QueueView, RequestView
from blis.foundation.units import Float64Vector
from blis.policies.parameters import Bounds

SORTS = True
USES_PRIORITY = False
ORDER_IS_FIXED = False
NEEDS = frozenset({"expected_output_tokens"})


class Params(NamedTuple):
    """What a token of either kind counts, and how fast waiting makes up for it."""

    input_weight: Annotated[float, Bounds(0.0, 1000.0, "per prompt token")] = 1.0
    output_weight: Annotated[float, Bounds(0.0, 1000.0, "per expected output token")] = 2.0
    ageing_tokens_per_s: Annotated[float, Bounds(0.0, 1e6, "tokens/s of waiting")] = 100.0


def order(view: QueueView, request: RequestView, params: Float64Vector, memory: Float64Vector) -> float:
    """Weighted tokens, less what has been waited."""
    work = params[0] * request.input_tokens + params[1] * request.expected_output_tokens
    return float(work - params[2] * 1e-6 * (view.clock_us - request.arrival_us))
