"""The tenant that has got the fewest tokens: a fair share of the work for everybody who waits.

Each tenant has a counter of the prompt tokens that were sent on for it and the output tokens of its completed requests.
A tenant that comes back after nobody of it waited is lifted to the least counter of those who wait: nobody saves
up service. Wise where one tenant's flood must not be the others' wait; blind to deadlines, and to who needs more.

Source: Sheng et al., "Fairness in serving large language models" (OSDI 2024), with its weights. A gateway hears of an
output when it is complete, so it is charged then, not in every step: while the outputs of two tenants are under way
their counters can differ by what these are long. The lift comes with the first choice after the return.
"""

from typing import Annotated, NamedTuple

from blis.engine._jit import kernel
from blis.engine.views import FlowsView
from blis.foundation.units import Float64Vector
from blis.policies.parameters import Bounds

MEMORY_PER_TENANT = 2


class Params(NamedTuple):
    """What tokens cost."""

    input_weight: Annotated[float, Bounds(0.0, 1000.0, "per prompt token")] = 1.0
    output_weight: Annotated[float, Bounds(0.0, 1000.0, "per output token")] = 2.0


@kernel
def _service(view: FlowsView, params: Float64Vector, flow: int) -> float:
    return float(params[0] * view.input_tokens[flow] + params[1] * view.written_tokens[flow])


def choose(view: FlowsView, params: Float64Vector, memory: Float64Vector) -> int:
    """The tenant of the least counter; of equals the one whose first request joined the queue first."""
    # Two numbers of each tenant: its lift, and one more than since when it was waiting when last asked about.
    longest, least = 0, -1.0
    for flow in range(view.n_flows):
        place = 2 * int(view.tenant[flow])
        if memory[place + 1] == view.active_since_us[flow] + 1.0:
            counter = memory[place] + _service(view, params, flow)
            least = counter if least < 0.0 else min(least, counter)
        if view.active_since_us[flow] < view.active_since_us[longest]:
            longest = flow
    if least < 0.0:  # all are new: the first of them finds nobody to be lifted to
        least = memory[2 * int(view.tenant[longest])] + _service(view, params, longest)
    best, best_counter = 0, 0.0
    for flow in range(view.n_flows):
        place = 2 * int(view.tenant[flow])
        service = _service(view, params, flow)
        if memory[place + 1] != view.active_since_us[flow] + 1.0:
            memory[place] = max(memory[place], least - service)
            memory[place + 1] = view.active_since_us[flow] + 1.0
        counter = memory[place] + service
        is_earlier = counter == best_counter and view.head_rank[flow] < view.head_rank[best]
        if flow == 0 or counter < best_counter or is_earlier:
            best, best_counter = flow, counter
    return best
