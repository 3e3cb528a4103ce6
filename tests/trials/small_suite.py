"""A suite of small scenarios, and tasks of it."""

from evolve.records import Phenotype, Task
from evolve.trials.suite import Suite
from evolve.trials.workloads import WorkloadKey, Workloads, task_digest

SCENARIO = """
tension: few instances with a small cache
saturation_rate: 40
load: 0.9
num_requests: {num_requests}
cluster: {{instances: 3, model: meta-llama/llama-3.1-8b-instruct, hardware: H100, tensor_parallel: 2,
          max_running_requests: {running}, kv_blocks: 3000}}
workload: {{kind: distribution, prefix_groups: 4, prefix_tokens: 512, slo_classes: {{critical: 1, batch: 2}},
           tenants: {{a: 1, b: 2}}}}
slo: {{critical: {{ttft_ms: 300}}, default: {{e2e_ms: 20000}}}}
"""

ROUND_ROBIN = Phenotype({"routing": {"policy": "round-robin"}})
LEAST_LOADED = Phenotype({"routing": {"policy": "least-loaded"}})
BUSIEST = Phenotype({"routing": {"policy": "always-busiest"}})
REJECT_ALL = Phenotype({"admission": {"policy": "reject-all"}})
UNKNOWN = Phenotype({"routing": {"policy": "nonsense"}})
NARROW = Phenotype({"routing": {"policy": "least-loaded"}}, {"max_running_requests": 4})


def weighted(**weights: float) -> Phenotype:
    scorers = [{"name": name.replace("_", "-"), "weight": weight} for name, weight in weights.items()]
    return Phenotype({"routing": {"policy": "weighted", "scorers": scorers}})


def small_suite(folder, num_requests=120) -> Suite:
    """Scenarios wide and narrow to train, narrow@1.2 to validate, wide@0.5 to test."""
    for name, running in (("wide", 64), ("narrow", 8)):
        (folder / f"{name}.yaml").write_text(SCENARIO.format(num_requests=num_requests, running=running))
    wide, narrow = str(folder / "wide.yaml"), str(folder / "narrow.yaml")
    return Suite.from_mapping(
        "suite",
        {
            "train": {"scenarios": [wide, narrow], "seeds": [1, 2]},
            "validation": {"scenarios": [{"name": narrow, "load": 1.2}], "seeds": [3]},
            "test": {"scenarios": [{"name": wide, "load": 0.5}], "seeds": [4, 5]},
        },
    )


def task_of(workloads: Workloads, phenotype: Phenotype, scenario="wide", seed=1, num_requests=120, trace=False) -> Task:
    workload = workloads.digest(WorkloadKey(scenario, seed, num_requests))
    digest = task_digest(phenotype.policies, phenotype.limits, workload, trace)
    return Task(phenotype, scenario, seed, num_requests, digest, trace)
