"""A trace records what happened and never changes it."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from blis.explaining.counterfactual.rollout import with_rollouts
from blis.explaining.counterfactual.sampling import Sampling
from blis.explaining.explanation import explanation
from blis.explaining.summary import summary_text
from blis.foundation.answers import choices
from blis.foundation.errors import ConfigError
from blis.result import simulate
from blis.run import main
from blis.scenario import Scenario
from blis.scenario_file import read_scenario

CLUSTER = {"instances": 3, "model": "meta-llama/llama-3.1-8b-instruct", "hardware": "H100", "tensor_parallel": 2}
WORKLOAD = {
    "kind": "distribution", "rate": 60, "num_requests": 500, "prefix_groups": 10, "prefix_tokens": 512,
    "slo_classes": {"critical": 1, "batch": 1},
}  # fmt: skip
POLICIES = {
    "round-robin": {"routing": "round-robin"},
    "weighted": {"routing": "weighted", "scheduling": "priority-fcfs", "priority": "slo-class"},
    "bucket": {"admission": {"policy": "token-bucket", "capacity_tokens": 30000, "refill_tokens_per_s": 30000}},
    "preempting": {"routing": "least-loaded", "preemption": "lowest-priority"},
}


def scenario(name: str) -> Scenario:
    cluster = CLUSTER | ({"kv_blocks": 900} if name == "preempting" else {})
    return Scenario.from_mapping({"cluster": cluster, "workload": WORKLOAD, "policies": POLICIES[name]})


@pytest.fixture(scope="module")
def traced():
    return {name: with_rollouts(simulate(scenario(name), 3, trace="decisions"), Sampling(20, 10)) for name in POLICIES}


@pytest.mark.parametrize("name", POLICIES)
@pytest.mark.parametrize("level", ["summary", "decisions"])
def test_tracing_never_changes_a_result(name, level):
    plain, traced = simulate(scenario(name), 3), simulate(scenario(name), 3, trace=level)
    assert json.dumps(plain.metrics()) == json.dumps(traced.metrics())
    for column in ("status", "instance", "ttft_us", "e2e_us", "scheduling_delay_us", "cached_blocks", "preemptions"):
        np.testing.assert_array_equal(getattr(plain.outcome.requests, column), getattr(traced.outcome.requests, column))


@pytest.mark.parametrize("name", POLICIES)
def test_every_decision_is_there_once(traced, name):
    result = traced[name]
    trace, done = result.trace, result.outcome.requests
    assert sorted(trace.admissions.request.tolist()) == list(range(len(result.requests)))
    assert (trace.admissions.verdict == 0).sum() == result.outcome.n_admitted
    assert np.array_equal(trace.routings.instance, done.instance[trace.routings.request])
    assert len(trace.routings) == result.outcome.n_admitted
    assert (np.diff(trace.routings.clock_us) >= 0).all()
    assert len(trace.preemptions) == result.outcome.instances.preemptions.sum()
    assert name != "preempting" or len(trace.preemptions) > 0


@pytest.mark.parametrize("name", POLICIES)
def test_batches_add_up_to_what_instances_did(traced, name):
    result = traced[name]
    samples, instances = result.trace.samples, result.outcome.instances
    for instance in range(3):
        here = samples[samples.instance == instance]
        assert here.steps.sum() == instances.steps[instance]
        assert here.length_us.sum() == instances.busy_us[instance]
        assert (here.queued_requests.astype(np.int64) * here.steps).sum() == instances.queue_sum[instance]
        assert (here.running_requests.astype(np.int64) * here.steps).sum() == instances.batch_sum[instance]
    taken = samples.taken_requests.sum()
    assert taken == (result.outcome.requests.scheduling_delay_us >= 0).sum() + instances.preemptions.sum()


@pytest.mark.parametrize("name", POLICIES)
def test_regrets_are_never_negative_and_zero_at_the_best(traced, name):
    routings = traced[name].trace.routings
    regret = routings.expected_ttft_us - routings.least_ttft_us
    assert (regret >= 0).all()
    assert (regret[routings.instance == routings.quickest] == 0).all()
    expected = traced[name].trace.expected_ttft_us
    np.testing.assert_array_equal(expected.min(axis=1), routings.least_ttft_us)
    np.testing.assert_array_equal(expected[np.arange(len(expected)), routings.instance], routings.expected_ttft_us)


def test_the_reference_model_is_exact_for_an_idle_instance():
    """One request at a time: no queue, no batch, so the expected TTFT is the one that happens."""
    quiet = Scenario.from_mapping(
        {"cluster": CLUSTER, "workload": WORKLOAD | {"rate": 0.02, "num_requests": 50, "output_tokens_max": 20,
                                                     "output_tokens_mean": 10}}
    )  # fmt: skip
    result = simulate(quiet, 1, trace="summary")
    routings = result.trace.routings
    np.testing.assert_allclose(routings.expected_ttft_us, result.outcome.requests.ttft_us[routings.request], atol=1)


@pytest.mark.parametrize(
    ("device", "is_loaded"), [("cpu-pcie5", True), ({"read_gb_per_s": 0.5, "write_gb_per_s": 10}, False)]
)
def test_the_reference_model_is_exact_for_an_idle_instance_with_tiers(device, is_loaded):
    """What is found beneath the GPU is loaded, or computed again where a slow tier is slower than that."""
    tier = {"capacity_gb": 100} | (device if isinstance(device, dict) else {"device": device})
    cluster = {**CLUSTER, "kv_blocks": 100, "kv_tiers": {"tiers": [tier]}}
    workload = {**WORKLOAD, "rate": 0.02, "num_requests": 50, "prefix_share": 0.9, "prefix_groups": 6}
    lengths = {"prompt_tokens_mean": 600, "prompt_tokens_max": 900, "output_tokens_mean": 10, "output_tokens_max": 20}
    policies = {"tiering": "break-even", "routing": "round-robin"}
    quiet = Scenario.from_mapping({"cluster": cluster, "workload": workload | lengths, "policies": policies})

    result = simulate(quiet, 1, trace="summary")

    assert result.outcome.tiers is not None
    assert (result.outcome.tiers.devices.loaded_blocks.sum() > 100) == is_loaded
    routings = result.trace.routings
    np.testing.assert_allclose(routings.expected_ttft_us, result.outcome.requests.ttft_us[routings.request], atol=1)


def test_the_reference_model_is_exact_for_an_idle_instance_with_adapters():
    costs = {"host_load_ms": 10, "disk_load_ms": 200, "step_us": 900, "adapter_us": 25, "token_us": 6}
    cluster = {**CLUSTER, "instances": 1, "lora": {"max_loras": 1, "max_cpu_loras": 2, **costs}}
    workload = {**WORKLOAD, "rate": 0.02, "num_requests": 50, "adapters": {"": 1, "a": 2, "b": 1, "c": 1}}
    lengths = {"output_tokens_mean": 10, "output_tokens_max": 20}
    quiet = Scenario.from_mapping({"cluster": cluster, "workload": workload | lengths})

    result = simulate(quiet, 1, trace="summary")

    routings, ttft_us = result.trace.routings, result.outcome.requests.ttft_us
    assert 0 < (ttft_us > 200_000).sum() < len(ttft_us), "some are loaded from disk, some are there"
    np.testing.assert_allclose(routings.expected_ttft_us, ttft_us[routings.request], atol=1)


def test_the_reference_model_is_exact_for_an_idle_instance_that_encodes_pictures():
    busy = read_scenario("epd-pictures").mapping()
    workload = {**busy["workload"], "rate": 0.02, "num_requests": 50}
    cluster = {**busy["cluster"], "instances": 1, "step_token_budget": 20_000}  # each prompt is one step
    quiet = {**busy, "cluster": cluster, "workload": workload}

    result = simulate(Scenario.from_mapping(quiet), 1, trace="summary")

    assert result.outcome.encoding is not None
    routings = result.trace.routings
    happened_us = result.outcome.requests.ttft_us[routings.request]
    np.testing.assert_allclose(routings.expected_ttft_us, happened_us, rtol=1e-4)  # some others decode beside


def test_waiting_prompts_that_are_cached_need_little_room() -> None:
    """Prompts that share most of their tokens wait for a small memory: counted whole they would not fit for minutes."""
    mapping = {**read_scenario("session-thrash").mapping(), "policies": {"routing": "least-loaded"}}
    result = simulate(Scenario.from_mapping(mapping), 1, trace="decisions")

    routings = result.outcome.trace.routings
    happened_us = result.outcome.requests.ttft_us[routings.request]

    assert 0.5 < routings.expected_ttft_us.mean() / happened_us.mean() < 1.5


def test_scores_of_argmax_policies_have_no_score_regret(traced):
    regret = traced["weighted"].outcome.requests.routing_regret
    assert (regret[~np.isnan(regret)] == 0).all()
    assert (traced["weighted"].trace.routings["rank"] == 0).all()
    assert (traced["round-robin"].outcome.requests.routing_regret > 0).any()


@pytest.mark.parametrize("name", POLICIES)
def test_the_explanation_is_deterministic_and_of_readable_length(traced, name):
    result = traced[name]
    told = explanation(result)
    again = with_rollouts(simulate(scenario(name), 3, trace="decisions"), Sampling(20, 10))
    assert json.dumps(told) == json.dumps(explanation(again))
    text = summary_text(result, result.metrics(), told)
    assert text == summary_text(again, again.metrics(), explanation(again))
    assert 250 <= len(text.split()) <= 1100  # some 500 to 1500 tokens
    assert len(told["worst_decisions"]) <= 10


def test_tables_are_written_and_readable_in_one_line(tmp_path):
    folder = tmp_path / "run"
    assert main(["trace=decisions", "counterfactual=rollout", "counterfactual.decisions=5", "routing=weighted",
                 "workload.num_requests=200", "output=json", f"hydra.run.dir={folder}"]) == 0  # fmt: skip
    for name in set(choices("trace")) - {
        "scaling",
        "gateway",
        "transfers",
        "encodings",
    }:  # the cluster has none of them
        assert pq.read_table(folder / "trace" / f"{name}.parquet").num_columns > 3
    assert not (folder / "trace" / "scaling.parquet").exists()  # nothing comes or goes
    routings = pq.read_table(folder / "trace" / "routings.parquet")
    assert routings.num_rows == 200
    assert {"score_regret", "reference_regret_ms", "scores_prefix-affinity"} <= set(routings.column_names)
    assert (folder / "summary.md").read_text().startswith("# Summary of a run")
    assert set(json.loads((folder / "explanation.json").read_text())) >= {"decisions", "regret", "anomalies"}


def test_what_happens_to_a_fleet_is_a_table(tmp_path):
    assert main(["trace=decisions", "cluster=autoscaled", "scaling=fixed", "scaling.instances=3", "workload=chatbot",
                 "workload.num_requests=2000", "workload.rate=5", f"hydra.run.dir={tmp_path}"]) == 0  # fmt: skip
    rows = pq.read_table(tmp_path / "trace" / "scaling.parquet").to_pylist()
    assert [(row["event"], row["instance"], row["instances"]) for row in rows] == [
        ("decided", None, 3), ("started", 2, None), ("became warm", 2, None)
    ]  # fmt: skip
    assert rows[-1]["since_s"] == rows[-1]["clock_us"] / 1e6 == pytest.approx(232, abs=1)


def test_no_explanation_of_an_earlier_run_stays(tmp_path):
    common = ["workload.num_requests=20", f"hydra.run.dir={tmp_path}"]
    assert main(["trace=decisions", *common]) == 0
    assert main(["trace=summary", "counterfactual=rollout", "counterfactual.decisions=2", *common]) == 0
    assert [path.name for path in (tmp_path / "trace").iterdir()] == ["rollouts.parquet"]
    assert main(common) == 0
    assert not {"trace", "summary.md", "explanation.json"} & {path.name for path in tmp_path.iterdir()}


def test_a_run_without_a_trace_has_none():
    with pytest.raises(ConfigError, match="trace must be"):
        _ = simulate(scenario("weighted"), 3).trace


@pytest.mark.parametrize("argument", ["trace=everything", "counterfactual=guess", "counterfactual.decisions=-1",
                                      "counterfactual.depth=3"])  # fmt: skip
def test_wrong_options_are_named(argument, tmp_path, capsys):
    assert main([argument, f"hydra.run.dir={tmp_path / 'run'}"]) == 2
    assert argument.partition("=")[0].split(".")[-1] in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
