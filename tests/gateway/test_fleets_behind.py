"""A gateway in front of instances that come and go: who finds nobody serving waits, and gives up like everybody."""

from typing import Any

import pytest

from blis.result import simulate
from blis.scenario import Scenario

LATENCY = {"kind": "affine", "alpha_us": [100, 0, 0], "beta_us": [5000, 10, 5]}
HELD = {"routing": "least-loaded", "saturation": {"policy": "concurrency", "max_concurrency": 40}}
WORKLOAD = {"kind": "distribution", "num_requests": 200, "rate": 60}


def counts(policies: dict[str, Any], **cluster: Any) -> dict[str, Any]:
    shape = {"instances": 3, "kv_blocks": 2000, "latency": LATENCY, "gateway": {}, **cluster}
    scenario = Scenario.from_mapping({"cluster": shape, "workload": WORKLOAD, "policies": policies, "seed": 1})
    return simulate(scenario).metrics()


def deaths(recovers_after_s: float | None) -> list[dict[str, Any]]:
    return [{"at_s": 2, "instance": one, "recovers_after_s": recovers_after_s} for one in range(3)]


def test_whoever_finds_nobody_waits_until_somebody_recovers() -> None:
    found = counts(HELD, failures=deaths(1))

    assert found["rerouted_requests"] > 0
    assert found["completed_requests"] == 200


def test_where_nobody_recovers_clients_give_up() -> None:
    """Ticks of scaling go on while somebody waits, so they end only because clients do not wait for ever."""
    scaling = {"minimum": 1, "maximum": 3, "tick_s": 1, "load_s": 1}
    found = counts(HELD, failures=deaths(None), autoscaling=scaling, gateway={"request_timeout_s": 20})

    assert found["timed_out_requests"] > 0
    assert found["completed_requests"] + found["timed_out_requests"] == 200


@pytest.mark.parametrize("eviction", ["lru", "arc", "tiny-lfu"])
def test_instances_that_die_forget_what_an_answer_of_eviction_knew(eviction: str) -> None:
    scaling = {"minimum": 1, "maximum": 5, "tick_s": 1, "load_s": 1}
    policies = {**HELD, "eviction": eviction, "scaling": {"policy": "queue-depth", "target_requests": 3}}
    found = counts(policies, failures=deaths(1), autoscaling=scaling, kv_blocks=300)

    assert found["completed_requests"] == 200
