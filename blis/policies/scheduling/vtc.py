"""Take a request of the tenant that has got least: a fair share of the tokens for everybody who has work.

Each tenant has a counter on each instance, of prompt tokens taken and output tokens written; a tenant that sends again
after nobody of it waited is lifted to the least counter of those that have somebody waiting: nobody saves up service.
Wise where one tenant's flood must not be the others' wait; blind to deadlines, and to who needs more.
Two tenants that both have requests waiting differ by at most 2 max(input_weight L, output_weight M), L the longest
prompt and M the tokens that fit into the KV blocks.

Source: Sheng et al., "Fairness in serving large language models" (OSDI 2024) and its artifact. Here a prompt is charged
when it is first taken, not again after a preemption, and output is read off the batch whenever somebody is to be taken:
the paper charges it in every step, which matters then alone. Where nobody waits, a tenant that comes back keeps its
counter, as in the artifact. All tenants weigh the same.
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
    """What tokens cost, by which tenants are lifted as well."""

    input_weight: Annotated[float, Bounds(0.0, 1000.0, "per prompt token")] = 1.0
    output_weight: Annotated[float, Bounds(0.0, 1000.0, "per output token")] = 2.0


def order(view: QueueView, request: RequestView, params: Float64Vector, memory: Float64Vector) -> float:
    """The tenant's counter."""
    service = params[0] * view.tenant_input_tokens + params[1] * view.tenant_written_tokens
    return float(view.tenant_lift + service)
