from typing import Any

from evolve.records import Phenotype

POLICIES = {
    "admission": {"policy": "always-admit"},
    "routing": {"policy": "round-robin"},
    "priority": {"policy": "constant"},
    "scheduling": {"policy": "fcfs"},
    "preemption": {"policy": "newest"},
}


def phenotype(limits: dict[str, int] | None = None, **policies: Any) -> Phenotype:
    return Phenotype({**POLICIES, **policies}, limits or {})


def weighted(**weights: float) -> dict[str, Any]:
    scorers = [{"name": name.replace("_", "-"), "weight": weight} for name, weight in weights.items()]
    return {"policy": "weighted", "scorers": scorers}
