"""Refuse what may be shed if no instance is expected to serve it as promised.

Wise where latencies can be expected, and what comes too late is worth nothing: a request that would be late everywhere
only makes others late. Who has no promise is admitted, and so is everybody while some instance is idle or almost empty.

Source: llm-d-router's latency-slo-admitter: sheddable requests alone, by the TTFT and the time between tokens that each
endpoint predicts; an endpoint without a running request, or with less than 2 % of its KV cache in use, will do.
Expectations are those of `blis.engine.prediction` in place of a learned predictor.
"""

from typing import Annotated, NamedTuple

from blis.engine.views import RequestView, RouterView
from blis.foundation.slo import CLASSES, URGENCY
from blis.foundation.slo_targets import NO_TARGET_US
from blis.foundation.units import Float64Vector
from blis.policies.parameters import Bounds

REASONS = ("no instance is expected to keep the promise",)
NEEDS = frozenset({"expected_latency"})
_URGENCY = tuple(URGENCY[name] for name in CLASSES)


class Params(NamedTuple):
    """Who may be refused, and what is empty enough."""

    minimum_urgency: Annotated[float, Bounds(-100.0, 100.0, "urgency")] = 0.0
    idle_kv_share: Annotated[float, Bounds(0.0, 1.0, "share of KV blocks in use")] = 0.02


def admit(view: RouterView, request: RequestView, params: Float64Vector, memory: Float64Vector) -> int:
    """0 if the request must be served, has no promise, or some instance can keep it; else 1."""
    if _URGENCY[request.slo_class] >= params[0]:
        return 0
    if request.ttft_target_us == NO_TARGET_US and request.itl_target_us == NO_TARGET_US:
        return 0
    for instance in view.candidates:
        if view.running_requests[instance] == 0:
            return 0
        if view.used_blocks[instance] < params[1] * view.total_blocks[instance]:
            return 0
        is_early = view.expected_ttft_us[instance] <= request.ttft_target_us
        if is_early and view.expected_itl_us[instance] <= request.itl_target_us:
            return 0
    return 1
