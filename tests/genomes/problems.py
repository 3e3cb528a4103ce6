"""The problems that ship, and one with everything in it."""

from blis.foundation.files import conf_folder
from blis.foundation.strict_yaml import read_yaml
from evolve.problem import Problem

SHIPPED = (
    *("routing_weights", "routing_program", "routing", "priority_scheduler", "eviction", "full"),
    *("autoscaler", "gateway"),
)

EVERYTHING = {
    "genes": {
        "admission": {
            "kind": "answer",
            "policies": [
                "always-admit",
                {"policy": "token-bucket", "parameters": {"capacity_tokens": {"low": 10, "high": 1e6, "scale": "log"}}},
                {"policy": "tier-shed", "parameters": {"threshold_requests": {"low": 0, "high": 9, "whole": True}}},
            ],
        },
        "routing": {"kind": "program"},
        "priority": {"kind": "program", "features": ["input_tokens", "urgency", "age_us", "queued_requests"]},
        "scheduling": {"kind": "answer", "policies": ["fcfs", "sjf", "priority-fcfs", "reverse-priority"]},
        "preemption": {"kind": "answer", "policies": ["newest", "lowest-priority"]},
        "cluster": {
            "step_token_budget": {"kind": "number", "low": 16, "high": 4096, "scale": "log"},
            "long_prefill_threshold_tokens": {"kind": "number", "low": 0, "high": 512},
        },
    }
}

ORDERS = {
    "genes": {
        "priority": {"kind": "answer", "policies": ["constant", "slo-based", "inverted-slo", "slo-class", "linear"]},
        "scheduling": {"kind": "answer", "policies": ["fcfs", "sjf", "priority-fcfs", "reverse-priority"]},
        "preemption": {"kind": "answer", "policies": ["newest", "lowest-priority"]},
    },
    "frozen": {"routing": "least-loaded"},
}


def problem(name: str) -> Problem:
    """A problem by name."""
    if name == "everything":
        return Problem.from_mapping("problem", EVERYTHING)
    if name == "orders":
        return Problem.from_mapping("problem", ORDERS)
    return Problem.from_mapping("problem", read_yaml(conf_folder() / "problem" / f"{name}.yaml"))
