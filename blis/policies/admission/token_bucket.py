"""Admit a request while a bucket of prompt tokens lasts; the bucket refills at a constant rate.

Wise against bursts that would queue for longer than their deadline. One bucket serves the whole cluster; the
cost of a request is its whole prompt, cached or not, so a prompt longer than the bucket is never admitted.
"""

from typing import Annotated, NamedTuple

from blis.engine.views import RequestView, RouterView
from blis.foundation.units import Float64Vector
from blis.policies.parameters import Bounds

LOOKS = False

REASONS = ("insufficient tokens",)


class Params(NamedTuple):
    """Size and refill of the bucket."""

    capacity_tokens: Annotated[float, Bounds(1.0, 1e12, "tokens")] = 10_000.0
    refill_tokens_per_s: Annotated[float, Bounds(1e-6, 1e12, "tokens/s")] = 1_000.0


def memory_size(n_instances: int, n_requests: int) -> int:
    """Tokens in the bucket, the time of the last refill, and whether the bucket has been filled at all."""
    return 3


def admit(view: RouterView, request: RequestView, params: Float64Vector, memory: Float64Vector) -> int:
    """0 if the bucket holds the prompt's tokens, which then are taken; else 1."""
    tokens = memory[0] if memory[2] > 0.0 else params[0]
    memory[2] = 1.0
    elapsed_us = view.clock_us - memory[1]
    if elapsed_us > 0:
        tokens = min(params[0], tokens + elapsed_us * params[1] / 1e6)
        memory[1] = view.clock_us
    refused = tokens < request.input_tokens
    memory[0] = tokens if refused else tokens - request.input_tokens
    return 1 if refused else 0
