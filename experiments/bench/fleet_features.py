"""A fleet of 64 mixed instances with gateway, KV tiers and autoscaling, relative to the headline run per request.

The parts are also added one by one, so that it can be told what costs how much.
"""

from collections.abc import Callable
from functools import cache, partial
from typing import Any

from blis.prepare import PreparedRun, prepare
from blis.scenario import Scenario
from blis.simulate import Simulation
from blis.workload.requests import Requests
from experiments.bench import (
    ALPHA_US,
    BETA_US,
    KV_BLOCKS,
    Measurement,
    llama_cluster,
    median_walls_s,
    peak_rss_mb,
    poisson_requests,
    simulate_once,
)

HEADLINE_COUNT, COUNT = 10_000, 40_000
#: Pools of GPUs of three speeds; together they carry what 64 of the headline's would at its load.
SPEEDS = ((24, 0.7, 1.0), (24, 1.0, 1.0), (16, 1.6, 0.5))
GATEWAY = {"request_timeout_s": None, "capacity_requests": 100_000}
AUTOSCALING = {"minimum": [12, 12, 8], "maximum": [24, 24, 16], "tick_s": 5, "load_s": 10, "drain": "hand-back"}
TIERS = {
    "kv_bytes_per_token": 131_072,
    "tiers": [{"device": "cpu-pcie5", "capacity_gb": 100}, {"device": "nvme-gen4", "capacity_gb": 1000}],
}
POLICIES = {
    "routing": {"policy": "weighted", "scorers": "queue-depth:1,kv-utilization:1,active-requests:1"},
    "saturation": {"policy": "concurrency", "max_concurrency": 64},
    "fairness": "round-robin",
    "scaling": "token-saturation",
}
#: What is measured, each with the parts that its cluster has.
PARTS: dict[str, dict[str, Any]] = {
    "least-loaded": {},
    "router": {},
    "gateway": {"gateway": GATEWAY},
    "autoscaling": {"autoscaling": AUTOSCALING},
    "tiers": {"kv_tiers": TIERS},
    "all": {"gateway": GATEWAY, "autoscaling": AUTOSCALING, "kv_tiers": TIERS},
}
#: Routings that stand for themselves; with the other parts goes the router of `POLICIES`.
SIMPLE = ("least-loaded",)


def measure() -> Measurement:
    """Time per request of all parts over that of the headline run."""
    headline = partial(simulate_once, poisson_requests(HEADLINE_COUNT, 40.0), llama_cluster(4))
    headline_s, *walls_s = median_walls_s([headline, *map(run_with, PARTS)], repeats=15)
    times_s = dict(zip(PARTS, walls_s, strict=True))
    per_request = times_s["all"] / COUNT / (headline_s / HEADLINE_COUNT)
    each = {name: wall_s / COUNT / (headline_s / HEADLINE_COUNT) for name, wall_s in times_s.items()}
    note = ", ".join(f"{name} {ratio:.2f}" for name, ratio in each.items())
    return Measurement(
        "fleet_features", times_s["all"], COUNT / times_s["all"], peak_rss_mb(), "ratio < 3", per_request, note, times_s
    )


def run_with(part: str) -> Callable[[], object]:
    """One evaluation of the fleet with this part, from a workload that is made once."""
    return partial(_run, _arriving(), _prepared(PARTS[part], {"routing": part} if part in SIMPLE else POLICIES))


@cache
def _arriving() -> Requests:
    classes = {"critical": 1, "standard": 2, "batch": 1}
    return poisson_requests(COUNT, 600.0, slo_classes=classes, tenants={"a": 3, "b": 1, "c": 1})


def _prepared(cluster: dict[str, Any], policies: dict[str, Any]) -> PreparedRun:
    pools = [
        {
            "count": count,
            "kv_blocks": round(KV_BLOCKS * memory),
            "latency": {"kind": "affine", "alpha_us": ALPHA_US, "beta_us": [slower * beta for beta in BETA_US]},
        }
        for count, slower, memory in SPEEDS
    ]
    own = {"instances": pools, "latency": {"kind": "affine"}} | cluster
    workload = {"kind": "distribution", "num_requests": 1}
    return prepare(Scenario.from_mapping({"cluster": own, "workload": workload, "policies": policies}))


def _run(requests: Requests, prepared: PreparedRun) -> Simulation:
    """One evaluation."""
    return Simulation(requests, prepared).run()
