"""What serving costs."""

from typing import Any

import numpy as np
import pytest

from blis.cluster.deployment import build_cluster
from blis.metrics.cost import cost_figures
from blis.result import simulate
from blis.scenario import Scenario
from evolve.objectives.figure import FIGURE

AFFINE = {"kind": "affine", "alpha_us": [1_000.0, 1.0, 10.0], "beta_us": [5_000.0, 20.0, 10.0]}
POOL = {"model": "meta-llama/llama-3.1-8b-instruct", "kv_blocks": 4_000, "latency": AFFINE}
WORKLOAD = {"kind": "distribution", "num_requests": 40, "rate": 20.0, "output_tokens_mean": 30, "output_tokens_max": 90}
HOUR_US = 3_600_000_000


def scenario(pools: list[dict[str, Any]], **more: Any) -> Scenario:
    cluster = {"instances": [POOL | pool for pool in pools]}
    return Scenario.from_mapping({"cluster": cluster, "workload": WORKLOAD, **more})


MIXED = [{"count": 2, "hardware": "H100", "tensor_parallel": 2}, {"count": 1, "hardware": "L40S", "tensor_parallel": 1}]


def test_half_an_hour_of_a_mixed_fleet() -> None:
    cluster = build_cluster(scenario(MIXED).cluster)

    figures = cost_figures(cluster.instances, np.full(3, HOUR_US // 2), 100, 50)

    # 2 · 2 H100 at 4.0 and an L40S at 1.5 for half an hour
    assert figures == {
        "gpu_hours": 2.5,
        "good_requests_per_gpu_hour": 20.0,
        "cost_usd": 8.75,
        "cost_per_request_usd": 0.0875,
        "cost_per_good_request_usd": 0.175,
    }


def test_a_pool_may_have_a_price_of_its_own() -> None:
    pools = [MIXED[0] | {"price_per_hour": 3.0}, MIXED[1] | {"price_per_hour": 0}]

    assert [one.price_per_hour for one in build_cluster(scenario(pools).cluster).instances] == [6.0, 6.0, 0.0]


def test_without_a_price_there_is_no_cost_but_there_are_hours() -> None:
    pools = [{"hardware": "RTX-PRO-6000", "tensor_parallel": 1}]

    metrics = simulate(scenario(pools), 1).metrics()

    assert metrics["gpu_hours"] > 0
    assert metrics["cost_usd"] is metrics["cost_per_request_usd"] is metrics["cost_per_good_request_usd"] is None


def test_pools_add_up_to_the_cluster() -> None:
    metrics = simulate(scenario(MIXED), 1).metrics()

    pools = metrics["pools"]
    assert [(pool["hardware"], pool["n_instances"]) for pool in pools] == [("H100", 2), ("L40S", 1)]
    for key in ("gpu_hours", "cost_usd"):
        assert sum(pool[key] for pool in pools) == pytest.approx(metrics[key])
    assert sum(pool["completed_requests"] for pool in pools) == metrics["completed_requests"]
    assert metrics["gpu_hours"] == pytest.approx(5 * metrics["vllm_estimated_duration_s"] / 3600)


def test_who_serves_nobody_well_has_no_cost_per_good_request() -> None:
    slo = {"default": {"ttft_ms": 0.001, "itl_ms": None, "e2e_ms": None}}

    metrics = simulate(scenario(MIXED, slo=slo), 1).metrics()

    assert metrics["cost_per_request_usd"] == pytest.approx(metrics["cost_usd"] / 40)
    assert metrics["cost_per_good_request_usd"] is None


@pytest.mark.parametrize("name", ["cost-in-all", "cost-per-request", "cost-per-good-request"])
def test_a_search_can_be_judged_by_cost(name: str) -> None:
    assert FIGURE[name] in simulate(scenario(MIXED), 1).metrics()
