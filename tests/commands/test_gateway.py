"""A gateway on the command line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from blis.engine.codes import STATUS_NAMES
from tests.commands.conftest import Ran

HELD = ("saturation=concurrency", "saturation.max_concurrency=16", "fairness=round-robin")


def test_the_preset_holds_requests_and_counts_them_all(run: Callable[..., Ran]) -> None:
    ran = run(
        "cluster=gateway", "workload=unfair", "workload.rate=90", "workload.num_requests=300", *HELD, "output=json"
    )

    metrics = json.loads(ran.out)
    assert ran.status == 0
    assert metrics["gateway_wait_mean_ms"] > 0
    assert sum(metrics.get(f"{name}_requests", 0) for name in STATUS_NAMES) == metrics["injected_requests"] == 300


def test_without_a_gateway_nobody_hears_of_one(run: Callable[..., Ran], tmp_path: Path) -> None:
    ran = run("workload.num_requests=20", "output=json")

    assert ran.status == 0
    assert "saturation" not in yaml.safe_load(next(tmp_path.rglob("policies.yaml")).read_text())
    assert not [key for key in json.loads(ran.out) if "gateway" in key or "timed_out" in key or "retr" in key]


def test_a_scenario_brings_its_gateway_and_its_retries(run: Callable[..., Ran], tmp_path: Path) -> None:
    ran = run("scenario=noisy-neighbour", "scenario.num_requests=300", *HELD, "output=json", "hydra.run.dir=there")

    assert ran.status == 0
    assert "retries" in json.loads(ran.out)
    policies = yaml.safe_load(next(tmp_path.rglob("policies.yaml")).read_text())
    assert policies["saturation"] == {
        "policy": "concurrency", "mode": "requests", "max_concurrency": 16, "max_token_concurrency": 1e6,
    }  # fmt: skip
    assert policies["queue_order"] == {"policy": "fcfs"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["cluster.gateway={capacity:3}"],
            "cluster.gateway: unknown key 'capacity'; did you mean 'capacity_requests'?",
        ),
        (["+cluster.gateway={ttl_ms:-1}"], "cluster.gateway.ttl_ms must be a finite number > 0"),
        (["saturation=full"], "saturation: no choice named 'full'"),
        (["ceiling=static", "ceiling.threshold=0"], "ceiling.threshold must be"),
        (["fairness=weighted", "fairness.tenant_9=1"], "fairness: unknown key 'tenant_9'"),
        (["workload.retries={attempts:0}"], "workload.retries.attempts must be an int in [1, 100]; got 0."),
        (
            ["saturation=shutil:copytree", "allow_python=true", "cluster=gateway"],
            "saturation must be a shipped policy or a",
        ),
    ],
)
def test_wrong_input_is_one_line(run: Callable[..., Ran], arguments: list[Any], message: str) -> None:
    ran = run(*arguments)

    assert ran.status == 2
    assert message in ran.err
    assert len(ran.err.strip().splitlines()) == 1
