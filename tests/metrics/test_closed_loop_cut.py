"""A horizon that cuts a closed loop: who waits for a request that has not ended has not arrived."""

from blis.engine.codes import COMPLETED
from blis.output.tables import request_table
from blis.result import simulate
from blis.scenario import Scenario

CLUSTER = {"instances": 1, "model": "meta-llama/llama-3.1-8b-instruct", "hardware": "H100", "tensor_parallel": 2}
USERS = {
    "concurrency": 64,
    "input_distribution": {"type": "constant", "params": {"value": 4000}},
    "output_distribution": {"type": "constant", "params": {"value": 5}},
}


def test_requests_that_wait_for_an_answer_have_not_arrived():
    spec = {"version": "1", "num_requests": 400, "clients": [USERS]}
    scenario = Scenario.from_mapping(
        {"cluster": CLUSTER, "workload": {"kind": "spec", "spec": spec}, "horizon_us": 2_000_000}
    )
    result = simulate(scenario, seed=1)
    metrics = result.metrics()
    waits = (result.requests.after >= 0) & (result.outcome.requests.status[result.requests.after] != COMPLETED)
    assert waits.any()
    assert metrics["arrived_requests"] <= int((~waits).sum())
    assert metrics["slo_attainment"] == metrics["completed_requests"] / metrics["arrived_requests"]
    assert request_table(result)["arrival_us"].null_count == int(waits.sum())
