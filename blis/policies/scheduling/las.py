"""Take a request of the tenant that has attained least service, less what the request has waited.

Unlike `vtc` nobody is lifted: who has been away goes first until it has caught up. Wise where small tenants should not
notice large ones; a newcomer among old tenants has the instance to itself for as long as it likes, but for ageing.

Source: least attained service, as llm-d's `program-aware-fairness` weighs it: prompt tokens and twice the output tokens
of a flow against the time its first request has waited. There both are scaled between the flows' extremes, 0.8 to 0.2,
and service is forgotten with a half-life of 60 s; here waiting has a price in tokens and nothing is forgotten.
"""

from typing import Annotated, NamedTuple

from blis.engine.views import QueueView, RequestView
from blis.foundation.units import Float64Vector
from blis.policies.parameters import Bounds

SORTS = True
USES_PRIORITY = False
ORDER_IS_FIXED = False
SORTS_AFTER_EACH = True
NEEDS = frozenset({"tenant_service"})


class Params(NamedTuple):
    """What tokens cost, and what waiting is worth."""

    input_weight: Annotated[float, Bounds(0.0, 1000.0, "per prompt token")] = 1.0
    output_weight: Annotated[float, Bounds(0.0, 1000.0, "per output token")] = 2.0
    ageing_tokens_per_s: Annotated[float, Bounds(0.0, 1e6, "tokens/s of waiting")] = 100.0


def order(view: QueueView, request: RequestView, params: Float64Vector, memory: Float64Vector) -> float:
    """The tenant's service, less the request's waiting."""
    service = params[0] * view.tenant_input_tokens + params[1] * view.tenant_written_tokens
    return float(service - params[2] * 1e-6 * (view.clock_us - request.arrival_us))
