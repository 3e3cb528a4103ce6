"""Requests in flight, or the tokens of their prompts, against what the instances together may have.

Wise where requests are alike, and against bursts: the gateway counts what it sent itself, at once and exactly. Blind to
what a request weighs where it counts requests, and to outputs in any case.

Source: llm-d-router's concurrency-detector, with its modes and defaults. Sums are over the pool: an instance beyond its
share is made up for by one below it; `hybrid` takes for each instance the larger of its two shares, and their mean.
What was sent on and has not reached an instance counts as well, for the pool; for `hybrid` as if dealt out evenly.
"""

from typing import Annotated, NamedTuple

from blis.engine.views import GatewayView, RouterView
from blis.foundation.units import Float64Vector
from blis.policies.parameters import Bounds, OneOf

READS_REPORTS = False
_REQUESTS, _TOKENS, _HYBRID = range(3)


class Params(NamedTuple):
    """What is counted, and how much of it an instance may have."""

    mode: Annotated[str, OneOf(("requests", "tokens", "hybrid"))] = "requests"
    max_concurrency: Annotated[float, Bounds(0.001, 1e9, "requests per instance")] = 100.0
    max_token_concurrency: Annotated[float, Bounds(1.0, 1e12, "prompt tokens per instance")] = 1_000_000.0


def measure(view: RouterView, gateway: GatewayView, params: Float64Vector, memory: Float64Vector) -> float:
    """What is in flight over what may be."""
    n = view.candidates.shape[0]
    requests, tokens = gateway.in_transit_requests * 1.0, gateway.in_transit_tokens * 1.0
    if params[0] == _HYBRID:
        total, request_share, token_share = 0.0, requests / n, tokens / n
        for instance in view.candidates:
            total += max(
                (view.in_flight_requests[instance] + request_share) / params[1],
                (gateway.in_flight_tokens[instance] + token_share) / params[2],
            )
        return float(total / n)
    for instance in view.candidates:
        requests += view.in_flight_requests[instance]
        tokens += gateway.in_flight_tokens[instance]
    return float(tokens / (n * params[2]) if params[0] == _TOKENS else requests / (n * params[1]))
