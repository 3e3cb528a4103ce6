"""Several models behind one router: a request goes only to instances that serve what it asks for."""

from typing import Any

import numpy as np
import pytest

from blis.explaining.counterfactual.rollout import with_rollouts
from blis.explaining.counterfactual.sampling import Sampling
from blis.foundation.answers import choices
from blis.foundation.errors import ConfigError
from blis.prepare import prepare
from blis.result import Result, simulate
from blis.scenario import Scenario
from blis.simulate import Simulation
from blis.stage import Stage

LLAMA, QWEN = "meta-llama/llama-3.1-8b-instruct", "qwen/qwen2.5-7b-instruct"
AFFINE = {"kind": "affine", "alpha_us": [1_000.0, 1.0, 10.0], "beta_us": [5_000.0, 20.0, 10.0]}
POOL = {"hardware": "H100", "tensor_parallel": 1, "kv_blocks": 4_000, "latency": AFFINE}
CLUSTER = {"instances": [{**POOL, "count": 2, "model": LLAMA}, {**POOL, "count": 3, "model": QWEN}]}


def client(name: str, **changes: Any) -> dict[str, Any]:
    return {
        "id": name, "rate_fraction": 1.0, "arrival": {"process": "poisson"}, "prefix_group": "sys",
        "prefix_length": 128, "input_distribution": {"type": "constant", "params": {"value": 100}},
        "output_distribution": {"type": "exponential", "params": {"mean": 20}},
    } | changes  # fmt: skip


def spec(*clients: dict[str, Any]) -> dict[str, Any]:
    document = {"version": "2", "aggregate_rate": 40.0, "num_requests": 120, "clients": list(clients)}
    return {"kind": "spec", "spec": document}


BOTH = spec(client("a", model=LLAMA), client("b", model=QWEN))


def scenario(workload: Any = BOTH, cluster: Any = CLUSTER, **policies: Any) -> Scenario:
    return Scenario.from_mapping({"cluster": cluster, "workload": workload, "policies": policies})


def asked(result: Result) -> np.ndarray:
    return np.array([*result.requests.models, ""])[result.requests.model]


@pytest.mark.parametrize("routing", choices("routing"))
def test_a_request_goes_only_where_its_model_is_served(routing: str) -> None:
    result = simulate(scenario(routing=routing), 5)

    instance, model = result.outcome.requests.instance, asked(result)
    assert set(instance[model == LLAMA].tolist()) <= {0, 1}
    assert set(instance[model == QWEN].tolist()) <= {2, 3, 4}
    assert result.metrics()["completed_requests"] == 120


def test_each_model_has_turns_of_its_own() -> None:
    together = simulate(scenario(), 5)

    turns = {name: together.outcome.requests.instance[asked(together) == name] for name in (LLAMA, QWEN)}
    assert turns[LLAMA].tolist() == [place % 2 for place in range(len(turns[LLAMA]))]
    assert turns[QWEN].tolist() == [2 + place % 3 for place in range(len(turns[QWEN]))]


def test_a_request_that_names_no_model_may_go_anywhere() -> None:
    unnamed = simulate(scenario(spec(client("a"))), 5)
    assert np.unique(unnamed.outcome.requests.instance).tolist() == [0, 1, 2, 3, 4]
    assert unnamed.metrics()["notes"] == [f"120 requests name no model and may go to any of {LLAMA}, {QWEN}"]

    mixed = simulate(scenario(spec(client("a"), client("b", model=QWEN))), 5)
    assert set(mixed.outcome.requests.instance[asked(mixed) == ""].tolist()) > {0, 1}
    assert set(mixed.outcome.requests.instance[asked(mixed) == QWEN].tolist()) == {2, 3, 4}


def test_to_name_the_only_model_changes_nothing() -> None:
    cluster = {"instances": [{**POOL, "count": 3, "model": QWEN}]}
    named = simulate(scenario(spec(client("a", model=QWEN)), cluster, routing="weighted"), 5)
    unnamed = simulate(scenario(spec(client("a")), cluster, routing="weighted"), 5)

    assert named.outcome.requests.instance.tolist() == unnamed.outcome.requests.instance.tolist()
    assert named.outcome.requests.e2e_us.tolist() == unnamed.outcome.requests.e2e_us.tolist()


def test_a_model_may_be_served_under_further_names() -> None:
    pools = [{**POOL, "count": 1, "model": LLAMA, "served_model_names": ["small", "fast"]},
             {**POOL, "count": 1, "model": QWEN, "served_model_names": "small"}]  # fmt: skip
    workload = spec(client("a", model="small"), client("b", model="fast"))

    result = simulate(scenario(workload, {"instances": pools}), 5)

    assert set(result.outcome.requests.instance[asked(result) == "small"].tolist()) == {0, 1}
    assert set(result.outcome.requests.instance[asked(result) == "fast"].tolist()) == {0}


def test_a_model_that_nobody_serves_is_an_error_before_the_run() -> None:
    message = (
        r"workload: every model that requests ask for must be served by an instance; got 'qwen/qwen2.5-7b-instrukt'; "
        r"did you mean 'qwen/qwen2.5-7b-instruct'\? Served: meta-llama/llama-3.1-8b-instruct, qwen/qwen2.5-7b-instruct"
    )
    with pytest.raises(ConfigError, match=message):
        simulate(scenario(spec(client("a", model="qwen/qwen2.5-7b-instrukt"))), 5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"served_model_names": []}, r"served_model_names must be a list of at least one name; got \[\]"),
        ({"served_model_names": [3]}, r"served_model_names must be a list of at least one name; got \[3\]"),
        ({"served_model_names": ["a", "a"]}, r"served_model_names must hold each name once"),
        ({"served_model_name": "a"}, r"unknown key 'served_model_name'; did you mean 'served_model_names'\?"),
        ({"price_per_hour": -1}, r"price_per_hour must be a finite number in \[0, 1000000\] \[US \$\]; got -1"),
        ({"price_per_hour": float("nan")}, r"price_per_hour must be .*; got nan"),
        ({"price_per_hour": float("inf")}, r"price_per_hour must be .*; got inf"),
    ],
)
def test_what_is_wrong_about_a_pool_is_said(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        scenario(cluster={"instances": [{**POOL, "model": QWEN, **changes}]})


def test_models_are_drawn_for_simple_workloads() -> None:
    workload = {"kind": "distribution", "num_requests": 300, "rate": 50.0, "models": {LLAMA: 1, QWEN: 2, "": 1}}

    result = simulate(scenario(workload | {"output_tokens_mean": 20, "output_tokens_max": 50}), 5)

    shares = [(asked(result) == name).mean() for name in (LLAMA, QWEN, "")]
    assert shares == pytest.approx([0.25, 0.5, 0.25], abs=0.09)  # three standard deviations


def test_a_copy_goes_on_as_its_origin_would() -> None:
    given = scenario(routing="least-loaded")
    origin = Simulation(given.requests(5), prepare(given), seed=5)
    origin.advance(1_000_000)
    copy = origin.fork()

    assert origin.run().state.requests.instance.tolist() == copy.run().state.requests.instance.tolist()


def test_what_is_tried_otherwise_serves_the_model_too() -> None:
    result = simulate(scenario(routing="least-loaded"), 5, trace="decisions")
    tried = with_rollouts(result, Sampling(decisions=40, admissions=0, alternatives=4)).rollouts

    assert len(tried) > 40
    is_llama = np.isin(tried.chosen, (0, 1))
    assert np.isin(tried.alternative[is_llama], (0, 1)).all()
    assert np.isin(tried.alternative[~is_llama], (2, 3, 4)).all()


def test_figures_of_models_are_of_what_was_asked_for() -> None:
    result = simulate(scenario(admission="reject-all"), 5)

    blocks = {block["model"]: block for block in result.metrics()["models"]}
    assert {name: blocks[name]["rejected_requests"] for name in (LLAMA, QWEN)} == {
        name: int((asked(result) == name).sum()) for name in (LLAMA, QWEN)
    }


def test_every_request_is_in_one_of_the_states_that_are_counted() -> None:
    metrics = simulate(scenario(), 5).metrics()
    states = ("completed", "running", "queued", "rejected", "dropped", "unroutable", "not_started")

    assert sum(metrics[f"{state}_requests"] for state in states) == metrics["injected_requests"] == 120


def test_a_stage_knows_whether_anybody_asks_for_some_of_the_instances() -> None:
    given = scenario()
    run = prepare(given)
    assert Stage(given.requests(5), run.prepared_cluster).settings(run).restricts_candidates == 1
    unnamed = scenario(spec(client("a")))
    assert Stage(unnamed.requests(5), run.prepared_cluster).settings(run).restricts_candidates == 0


def test_pools_of_two_models_come_and_go_each_for_its_own_requests() -> None:
    pools = [{**POOL, "count": 1, "model": LLAMA}, {**POOL, "count": 1, "model": QWEN}]
    autoscaling = {"minimum": 1, "maximum": [2, 3], "tick_s": 0.2, "load_s": 0.2}
    busy = spec(client("a", model=LLAMA, rate_fraction=0.2), client("b", model=QWEN, rate_fraction=0.8))

    result = simulate(
        scenario(
            busy,
            {"instances": pools, "autoscaling": autoscaling},
            routing="least-loaded",
            scaling={"policy": "queue-depth", "target_requests": 1},
        ),
        5,
    )

    instance, model = result.outcome.requests.instance, asked(result)
    assert set(instance[model == LLAMA].tolist()) <= {0, 1}
    assert {2} < set(instance[model == QWEN].tolist()) <= {2, 3, 4}
    assert result.metrics()["completed_requests"] == 120
