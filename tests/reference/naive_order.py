"""This file says in which order waiting requests are taken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.reference.naive_ledger import expected_output

if TYPE_CHECKING:
    from tests.reference.naive_instance import Instance
    from tests.reference.naive_request import Request


def order_of(policy: dict[str, Any], request: Request, instance: Instance, now: int) -> float:
    """The smallest is taken first; the request's priority is known."""
    name, ledger, age = policy["policy"], instance.ledger, float(now - request.arrival_us)
    weights = policy.get("input_weight", 1.0), policy.get("output_weight", 2.0)
    ageing = policy.get("ageing_tokens_per_s", 100.0) * 1e-6
    if name == "sjf":
        return len(request.prompt)
    if name == "priority-fcfs":
        return -request.priority
    if name == "reverse-priority":
        return request.priority
    if name == "predicted-sjf":
        work = weights[0] * len(request.prompt) + weights[1] * expected_output(request, [ledger])
        return work - ageing * age
    if name == "vtc":
        return ledger.counter(request.tenant, weights)
    if name == "las":
        tenant = request.tenant
        return weights[0] * ledger.prompts[tenant] + weights[1] * ledger.tokens[tenant] - ageing * age
    if name == "mlfq":
        if age >= policy.get("starvation_ms", 3000.0) * 1e3:
            return 0
        prefill_us = policy.get("prefill_us_per_token", 29.6) * instance.uncached_tokens(request)
        quantum_us = policy.get("quantum_ms", 10.0) * 1e3
        level = next((one for one in range(64) if quantum_us * 2**one >= prefill_us), 64)
        return level + request.preemptions
    raise ValueError(f"unknown scheduler {name!r}")
