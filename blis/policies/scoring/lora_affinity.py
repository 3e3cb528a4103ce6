"""Prefer instances that use the request's adapter, then those with a free slot, then those where it is waited for.

Which adapters an instance uses it reports: those of requests that run, and those of requests that wait. A request
without an adapter scores by free slots alone.

Source: llm-d-router 0.9, lora-affinity-scorer; vLLM's vllm:lora_requests_info, from which an adapter that both runs and
is waited for counts twice.
"""

from blis.engine.views import RequestView, RouterView
from blis.foundation.units import Float64Vector

NEEDS = frozenset({"adapters"})


def score(view: RouterView, request: RequestView, out: Float64Vector) -> None:
    """1 where it runs, 0.8 where there is a slot, 0.6 where it is waited for, else 0."""
    for instance in view.candidates:
        if view.adapter_use[instance] == 2:
            out[instance] = 1.0
        elif view.adapters_in_use[instance] < view.adapter_slots[instance]:
            out[instance] = 0.8
        else:
            out[instance] = 0.6 if view.adapter_use[instance] == 1 else 0.0
