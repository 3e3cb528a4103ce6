"""What a trace, its rollouts and its anomalies tell of a gateway."""

from typing import Any

import numpy as np
import pytest

from blis.engine.codes import GATEWAY_STATUSES
from blis.engine.rollout import ROUTING_DECISION
from blis.explaining.counterfactual.rollout import with_rollouts
from blis.explaining.counterfactual.sampling import Sampling
from blis.explaining.explanation import evidence_of, explanation
from blis.explaining.findings import findings
from blis.explaining.summary import summary_text
from blis.explaining.trace.gateway import table as gateway_table
from blis.output.tables import request_table
from blis.result import Result, simulate
from blis.scenario import Scenario
from blis.simulate import Simulation

CLUSTER: dict[str, Any] = {
    "instances": 2, "model": "meta-llama/llama-3.1-8b-instruct", "hardware": "H100", "tensor_parallel": 2,
    "max_running_requests": 8, "gateway": {"capacity_requests": 30, "ttl_ms": 4000, "bands": {"batch": 20}},
}  # fmt: skip
WORKLOAD: dict[str, Any] = {
    "kind": "distribution", "rate": 30, "num_requests": 300, "slo_classes": {"critical": 1, "batch": 3},
    "retries": {"attempts": 1},
}  # fmt: skip
HELD: dict[str, Any] = {
    "saturation": {"policy": "concurrency", "max_concurrency": 8},
    "fairness": "round-robin",
    "routing": "least-loaded",
}


def traced(workload: dict[str, Any] = WORKLOAD, gateway: dict[str, Any] | None = None, **policies: Any) -> Result:
    cluster = CLUSTER if gateway is None else CLUSTER | {"gateway": gateway}
    scenario = Scenario.from_mapping({"cluster": cluster, "workload": workload, "policies": HELD | policies})
    return simulate(scenario, 3, trace="decisions")


def test_the_table_has_every_request_that_came_to_the_queue() -> None:
    result = traced()

    table = gateway_table(result)

    assert table is not None
    rows = table.to_pandas()
    status = result.outcome.requests.status
    assert sorted(rows.request) == list(range(len(status)))  # admission refuses nobody
    assert (rows.fate == "sent on").sum() == (~np.isin(status, GATEWAY_STATUSES)).sum()
    assert set(rows.fate) == {"sent on", "gateway_rejected", "gateway_expired"}
    assert (rows.dispatched_us.notna() | rows.ended_us.notna()).all()
    assert set(rows.urgency) == {4.0, -1.0}
    assert rows.retries.max() == 1
    assert {"gateway_wait_ms", "retries"} <= set(request_table(result).column_names)


def test_the_summary_says_what_became_of_those_at_the_gateway() -> None:
    result = traced()

    text = summary_text(result, result.metrics(), explanation(result))

    assert f"- Gateway: up to {result.outcome.gateway.peak_requests} waited" in text
    assert "requests came again" in text


def test_without_a_gateway_there_is_no_table() -> None:
    cluster = {name: value for name, value in CLUSTER.items() if name != "gateway"}
    result = simulate(Scenario.from_mapping({"cluster": cluster, "workload": WORKLOAD | {"num_requests": 20}}), 3)

    assert gateway_table(result) is None
    assert "gateway_wait_ms" not in request_table(result).column_names


@pytest.mark.parametrize("retries", [None, {"attempts": 2}])
@pytest.mark.parametrize("admission", ["always-admit", {"policy": "token-bucket", "capacity_tokens": 9000}])
def test_rollouts_go_back_behind_the_queue(retries: Any, admission: Any) -> None:
    result = with_rollouts(traced(WORKLOAD | {"retries": retries}, admission=admission), Sampling(15, 15))

    assert result.rollouts is not None
    rows = result.rollouts
    assert len(rows) >= 15
    # What really happened is told as it happened: taking the other way for one and the same choice changes nothing.
    facts = result.simulation.state.requests
    served = rows[rows.real_ttft_us >= 0]
    expected = facts.first_token_us[served.request] - facts.arrival_us[served.request]
    np.testing.assert_array_equal(served.real_ttft_us, expected)


@pytest.mark.parametrize("ceiling", ["static", "soft-reflective"])
@pytest.mark.parametrize("saturation", [HELD["saturation"], {"policy": "utilization", "queue_depth_threshold": 1}])
def test_a_rollout_is_the_run_that_was_forked_and_decided_otherwise(ceiling: str, saturation: Any) -> None:
    finished = traced(saturation=saturation, ceiling=ceiling, fairness="virtual-token-counter")

    rows = with_rollouts(finished, Sampling(25, 10, horizon_s=1000)).rollouts

    assert rows is not None
    for row in rows:
        base = Simulation(finished.requests, finished.simulation.prepared, seed=finished.seed, record_routing=True)
        if row.kind == ROUTING_DECISION:
            base.stop_at_routing(int(finished.simulation.state.requests.routing_rank[row.request]))
        else:
            base.stop_at_admission(int(row.request))
        base.advance(2**62)
        fork = base.fork()
        fork.decision = int(row.alternative)
        other = fork.run().state.requests[row.request]
        first_us, finished_us = int(other.first_token_us), int(other.finished_us)
        assert row.ttft_us == (first_us - other.arrival_us if first_us >= 0 else -1)
        assert row.e2e_us == (finished_us - other.arrival_us if finished_us >= 0 else -1)
        again = base.run().state.requests
        np.testing.assert_array_equal(again.finished_us, finished.simulation.state.requests.finished_us)


def test_least_urgent_requests_that_all_others_pass_starve() -> None:
    rare = WORKLOAD | {
        "slo_classes": {"critical": 12, "background": 1},
        "rate": 40,
        "num_requests": 600,
        "retries": None,
    }

    found = findings(evidence_of(traced(rare, {"capacity_requests": 10})))["gateway-starvation"]
    fair = findings(evidence_of(traced(WORKLOAD | {"rate": 3})))["gateway-starvation"]

    assert found.count > 0
    assert "at the gateway while" in found.examples[0].text
    assert fair.count == 0
