import pytest

from evolve.records import Phenotype
from evolve.trials.workloads import Prepared, prepare

CLUSTER = {
    "instances": 3,
    "model": "meta-llama/llama-3.1-8b-instruct",
    "hardware": "H100",
    "tensor_parallel": 2,
    "max_running_requests": 8,
    "kv_blocks": 3000,
}
CROWDED = {
    "kind": "distribution",
    "rate": 60,
    "num_requests": 60,
    "prefix_groups": 4,
    "prefix_tokens": 512,
    "slo_classes": {"critical": 1, "batch": 2},
}
TURNS = {
    "kind": "spec",
    "num_requests": 60,
    "spec": {
        "aggregate_rate": 30,
        "clients": [
            {
                "id": "agent",
                "slo_class": "critical",
                "rate_fraction": 1.0,
                "loop": "closed",
                "prefix_group": "tools",
                "prefix_length": 300,
                "arrival": {"process": "poisson"},
                "sessions": {"rounds": 3, "think_time_ms": 200},
                "input_distribution": {"type": "exponential", "params": {"mean": 200}},
                "output_distribution": {"type": "exponential", "params": {"mean": 60}},
            }
        ],
    },
}
SLO = {"critical": {"ttft_ms": 100}, "default": {"e2e_ms": 3000}}
ROUND_ROBIN = Phenotype({"routing": {"policy": "round-robin"}})
BUSIEST = Phenotype({"routing": {"policy": "always-busiest"}})
LEAST_LOADED = Phenotype({"routing": {"policy": "least-loaded"}})


@pytest.fixture(scope="session")
def crowded() -> Prepared:
    """A cluster with too much to do, in which places matter."""
    return prepare({"cluster": CLUSTER, "workload": CROWDED, "slo": SLO, "seed": 3})


@pytest.fixture(scope="session")
def turns() -> Prepared:
    """Conversations, each turn of which waits for the one before."""
    return prepare({"cluster": CLUSTER, "workload": TURNS, "slo": SLO, "seed": 3})


LOG = {"kind": "mooncake", "num_requests": 40, "rate": 5}


@pytest.fixture(scope="session")
def log() -> Prepared:
    """A stretch of a log, whose prompts begin alike."""
    workload = {**LOG, "stretch": [0, 1]}
    return prepare({"cluster": {**CLUSTER, "kv_blocks": 20_000}, "workload": workload, "slo": SLO, "seed": 3})
