"""This file says how urgent a request is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.reference.naive_ledger import expected_output
from tests.reference.naive_programs import value_of

if TYPE_CHECKING:
    from tests.reference.naive_instance import Instance
    from tests.reference.naive_request import Request

URGENCY = {
    "": 3.0, "critical": 4.0, "realtime": 4.0, "standard": 3.0, "interactive": 3.0, "batch": -1.0, "sheddable": -2.0,
    "background": -3.0,
}  # fmt: skip


def urgency(request: Request) -> float:
    """By class; one that is not listed counts as unnamed."""
    return URGENCY.get(request.slo_class, URGENCY[""])


def priority_of(policy: dict[str, Any], request: Request, instance: Instance, now: int) -> float:
    """Larger is more urgent."""
    name = policy["policy"]
    age = float(now - request.arrival_us)
    if name == "constant":
        return 0.0
    if name == "slo-based":
        return 0.0 + 1e-6 * age
    if name == "inverted-slo":
        return 0.0 - 1e-6 * age
    if name == "slo-class":
        return float(policy.get(request.slo_class or "unnamed", urgency(request)))
    if name == "edf":
        return -(request.arrival_us + policy.get(request.named_class or "unnamed", 1.0) * request.ttft_target_us)
    if name == "slack":
        due_us = request.arrival_us + policy.get("target_scale", 1.0) * request.ttft_target_us
        slack_us = due_us - now - policy.get("prefill_us_per_token", 29.6) * instance.uncached_tokens(request)
        return slack_us - 4e15 if slack_us < 0 and policy.get("gives_up", 0) else -slack_us
    if name == "linear":
        return (
            policy.get("age", 1.0) * age * 1e-6
            + policy.get("urgency", 1.0) * urgency(request)
            + policy.get("input_tokens", 0.0) * len(request.prompt) * 1e-3
            + policy.get("preemptions", 0.0) * request.preemptions
            + policy.get("round", 0.0) * request.round
        )
    if name == "program":
        features = {
            "input_tokens": len(request.prompt),
            "prompt_blocks": len(request.prompt_keys),
            "urgency": urgency(request),
            "arrival_us": request.arrival_us,
            "preemptions": request.preemptions,
            "round": request.round,
            "age_us": age,
            "queued_requests": instance.n_waiting,
            "running_requests": len(instance.batch),
            "free_blocks": len(instance.pool.free),
            "ttft_target_us": request.ttft_target_us,
            "itl_target_us": request.itl_target_us,
            "ttft_slack_us": request.arrival_us + request.ttft_target_us - now,
            "uncached_tokens": instance.uncached_tokens(request),
            "expected_output_tokens": expected_output(request, [instance.ledger]),
            "tenant_tokens": instance.ledger.prompts[request.tenant] + instance.ledger.tokens[request.tenant],
        }
        return value_of(policy.get("formula", "age_us"), features)
    raise ValueError(f"unknown priority policy {name!r}")
