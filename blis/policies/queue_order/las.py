"""The session that has had least: least attained service first.

What a session has attained is the tokens of its earlier requests, prompts as they were and outputs as they were
expected to be; a request without a session has attained nothing. Wise for conversations and programs of unknown length:
new ones are not stuck behind those that go on and on. Without ageing a long one may starve.

Source: least attained service, as FB or LAS in queueing theory, in the weights of virtual token counters.
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


def memory_size(n_instances: int, n_requests: int) -> int:
    """What each session has attained; there are no more sessions than requests."""
    return n_requests


def rank(gateway: GatewayView, request: RequestView, params: Float64Vector, memory: Float64Vector) -> float:
    """What the session had attained before this request, and what has been waited by those who joined before."""
    attained = 0.0
    if request.session >= 0:
        attained = memory[request.session]
        memory[request.session] += params[0] * request.input_tokens + params[1] * request.expected_output_tokens
    return float(attained + params[2] * 1e-6 * gateway.clock_us)
