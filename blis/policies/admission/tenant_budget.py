"""Refuse a tenant that has used up its tokens of the present window of time.

Wise as the plainest bound on a tenant's share: it holds whatever the others do, and so also while the cluster stands
empty. A request costs its prompt and what it is expected to write; windows are the same for all and follow one another,
so a tenant may spend two budgets around the moment in which they meet.

Source: the tokens-per-minute limits of gateways such as AIBrix's and of public interfaces, which count fixed windows.
"""

from typing import Annotated, NamedTuple

from blis.engine.views import RequestView, RouterView
from blis.foundation.units import Float64Vector
from blis.policies.parameters import Bounds

REASONS = ("tenant's budget used up",)
NEEDS = frozenset({"expected_output_tokens"})
MEMORY_PER_TENANT = 2


class Params(NamedTuple):
    """How much each tenant has, and in which time."""

    budget_tokens: Annotated[float, Bounds(1.0, 1e12, "tokens per tenant and window")] = 1_000_000.0
    window_s: Annotated[float, Bounds(0.001, 1e6, "s")] = 60.0
    output_weight: Annotated[float, Bounds(0.0, 1000.0, "per expected output token")] = 1.0


def admit(view: RouterView, request: RequestView, params: Float64Vector, memory: Float64Vector) -> int:
    """0 if the request's tokens are left in the tenant's window, which then are taken; else 1."""
    # Two numbers of each tenant: its window, and the tokens that it has used in it.
    place, window = 2 * request.tenant, float(view.clock_us // (1e6 * params[1]))
    if memory[place] != window:
        memory[place], memory[place + 1] = window, 0.0
    cost = request.input_tokens + params[2] * request.expected_output_tokens
    if memory[place + 1] + cost > params[0]:
        return 1
    memory[place + 1] += cost
    return 0
