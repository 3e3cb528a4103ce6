"""The tenant that has attained least service of late, or whose first request has waited longest.

Each tenant's score is a mixture of two, both scaled to [0, 1] over those who wait: how little service it has attained,
and how long its first request has waited; the largest goes next. Service is tokens, outputs counting double, and half
of it is forgotten in every half-life. Wise for programs that send request after request: one that has just begun goes
before one that has had its turn, and nobody starves.

Source: llm-d-router's program-aware fairness, with its weights and its half-life. Tokens are charged when a request
completes, prompts when they are sent on; what a tenant gets while nobody of it waits fades from its last completion on.
"""

from typing import Annotated, NamedTuple

from blis.engine.views import FlowsView
from blis.foundation.units import Float64Vector
from blis.policies.parameters import Bounds

MEMORY_PER_TENANT = 3


class Params(NamedTuple):
    """What counts how much, and for how long."""

    service_weight: Annotated[float, Bounds(0.0, 1000.0, "of 1 - scaled service")] = 0.8
    wait_weight: Annotated[float, Bounds(0.0, 1000.0, "of the scaled wait")] = 0.2
    output_weight: Annotated[float, Bounds(0.0, 1000.0, "per output token")] = 2.0
    half_life_s: Annotated[float, Bounds(0.001, 1e9, "s")] = 60.0


def choose(view: FlowsView, params: Float64Vector, memory: Float64Vector) -> int:
    """The tenant of the largest score; of equals the one whose first request joined the queue first."""
    # Three numbers of each tenant: attained service, its moment, and all tokens by then.
    least_service = most_service = 0.0
    longest_us = shortest_us = view.clock_us - view.head_enqueued_us[0]
    for flow in range(view.n_flows):
        place = 3 * int(view.tenant[flow])
        tokens = view.input_tokens[flow] + params[2] * view.written_tokens[flow]
        fresh = max(0.0, tokens - memory[place + 2])
        since_us = view.clock_us - max(view.served_us[flow], memory[place + 1])
        faded = memory[place] * 0.5 ** ((view.clock_us - memory[place + 1]) / (1e6 * params[3]))
        memory[place] = faded + fresh * 0.5 ** (max(0.0, since_us) / (1e6 * params[3]))
        memory[place + 1], memory[place + 2] = view.clock_us, tokens
        service, wait_us = memory[place], view.clock_us - view.head_enqueued_us[flow]
        least_service = service if flow == 0 else min(least_service, service)
        most_service = service if flow == 0 else max(most_service, service)
        longest_us, shortest_us = max(longest_us, wait_us), min(shortest_us, wait_us)
    best, best_score = 0, 0.0
    for flow in range(view.n_flows):
        service, wait_us = memory[3 * int(view.tenant[flow])], view.clock_us - view.head_enqueued_us[flow]
        score = params[0]
        if most_service > least_service:
            score -= params[0] * (service - least_service) / (most_service - least_service)
        if longest_us > shortest_us:
            score += params[1] * (wait_us - shortest_us) / (longest_us - shortest_us)
        is_earlier = score == best_score and view.head_rank[flow] < view.head_rank[best]
        if flow == 0 or score > best_score or is_earlier:
            best, best_score = flow, score
    return best
