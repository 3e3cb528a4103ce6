"""A fixed set of policies that tells how much there is to gain or to lose in a scenario, whatever is searched for.

They answer routing, order and admission in the ways that people run, and are the same for every problem: what a
candidate gains counts in units of how much these differ, see `blis.fitness.aggregate`.
"""

from functools import cache

from evolve.judging.baselines import read_policies
from evolve.records import Phenotype

_LLM_D = {"policy": "weighted", "scorers": {"prefix-affinity": 3, "queue-depth": 2, "kv-utilization": 2}}
_POLICIES = {
    "round-robin": {"routing": "round-robin"},
    "least-loaded": {"routing": "least-loaded"},
    "llm-d-3-2-2": {"routing": _LLM_D},
    "llm-d-slo-class": {
        "routing": _LLM_D,
        "priority": "slo-class",
        "scheduling": "priority-fcfs",
        "preemption": "lowest-priority",
    },
    "llm-d-sjf": {"routing": _LLM_D, "scheduling": "sjf"},
    "llm-d-tier-shed": {"routing": _LLM_D, "admission": {"policy": "tier-shed", "threshold_requests": 64}},
}


@cache
def reference_policies() -> tuple[Phenotype, ...]:
    """The policies, with every parameter."""
    return tuple(read_policies("reference policies", _POLICIES).values())
