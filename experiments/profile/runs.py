"""What can be profiled: simulations of the bench, each from a workload that is made once."""

from collections.abc import Callable
from functools import partial

from blis.prepare import bind_run
from blis.simulate import Simulation
from experiments.bench import (
    blocks,
    evolve,
    fleet_features,
    llama_cluster,
    poisson_requests,
    silicon,
    simulate_once,
    tracing_overload,
)

_PRECISE = {"routing": {"policy": "weighted", "scorers": "precise-prefix-cache:3,queue-depth:2,kv-utilization:2"}}


def _headline() -> Callable[[], object]:
    requests, cluster = poisson_requests(10_000, 40.0), llama_cluster(4)
    return lambda: simulate_once(requests, cluster)


def _silicon() -> Callable[[], object]:
    requests, cluster = poisson_requests(10_000, 40.0), silicon.measured_cluster(4)
    return lambda: simulate_once(requests, cluster)


def _fleet() -> Callable[[], object]:
    requests, cluster = poisson_requests(200_000, 640.0), llama_cluster(64)
    return lambda: simulate_once(requests, cluster, {"routing": "least-loaded"})


def _prefix() -> Callable[[], object]:
    requests = poisson_requests(10_000, 40.0, prefix_groups=40, prefix_share=0.8, prefix_tokens=1024)
    cluster = llama_cluster(4, kv_blocks=8_000)
    return lambda: simulate_once(requests, cluster, _PRECISE)


def _blocks() -> Callable[[], object]:
    requests, cluster = blocks.requests_of(16), blocks.cluster_of(16)
    return lambda: simulate_once(requests, cluster, blocks.POLICIES)


def _evaluation() -> Callable[[], object]:
    """Evaluations as a search asks for them, whole."""
    return evolve.evaluations()


def _traced(order: str) -> Callable[[], object]:
    requests, cluster = poisson_requests(10_000, 1_000.0), llama_cluster(4)
    policies = {"routing": "least-loaded", **tracing_overload.ORDERS[order]}
    return lambda: Simulation(requests, bind_run(cluster, policies), trace="decisions").run()


RUNS: dict[str, Callable[[], Callable[[], object]]] = {
    "headline": _headline,
    "fleet": _fleet,
    **{f"features-{part}": partial(fleet_features.run_with, part) for part in fleet_features.PARTS},
    "blocks": _blocks,
    "prefix": _prefix,
    "silicon": _silicon,
    "evaluation": _evaluation,
    "traced": lambda: _traced("fcfs"),
    "traced-upside-down": lambda: _traced("upside down"),
}
