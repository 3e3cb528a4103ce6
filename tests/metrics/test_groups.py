"""Figures of groups of requests: by class, tenant, instance and model."""

import json

import numpy as np
import pytest

from blis.engine.codes import COMPLETED, NOT_STARTED, REJECTED, RUNNING
from blis.foundation.slo_targets import SloTargets
from blis.metrics.figures import cluster_figures
from blis.metrics.served import served_requests, split
from blis.metrics.service import service_figures
from blis.output.tables import request_table
from blis.result import Result, simulate
from blis.scenario import Scenario
from tests.metrics.served_examples import example, run_of

NAN = float("nan")


@pytest.fixture(scope="module")
def result() -> Result:
    """Two models, two classes, three tenants, cut by a horizon, with rejections."""
    affine = {"kind": "affine", "alpha_us": [1, 0, 0], "beta_us": [7000, 20, 60]}
    shape = {"kv_blocks": 400, "max_running_requests": 4, "hardware": "H100", "tensor_parallel": 1}
    pool = {"count": 2, **shape, "latency": affine}
    return simulate(
        Scenario.from_mapping(
            {
                "cluster": {"instances": [{**pool, "model": "one"}, {**pool, "model": "two"}]},
                "workload": {
                    "kind": "distribution", "preset": "chatbot", "num_requests": 120, "rate": 40.0,
                    "slo_classes": {"critical": 1, "batch": 1, "": 1}, "tenants": {"a": 1, "b": 2, "c": 1},
                },
                "policies": {"admission": {"policy": "tier-shed", "threshold_requests": 6}},
                "horizon_us": 2_500_000,
                "slo": {"critical": {"ttft_ms": 300}, "default": {"e2e_ms": 1200}},
            }
        )
    )  # fmt: skip


def test_ratios_are_per_request_that_had_arrived() -> None:
    figures = service_figures(example(), end_us=2_000_000)

    assert figures["injected_requests"] == 5
    assert figures["arrived_requests"] == 4
    assert figures["completion_ratio"] == 0.5
    assert figures["rejection_ratio"] == 0.25
    assert figures["slo_attainment"] == 0.25


def test_rates_are_per_second_of_simulated_time() -> None:
    figures = service_figures(example(), end_us=2_000_000)

    assert figures["responses_per_sec"] == 1.0  # 2 requests
    assert figures["tokens_per_sec"] == 3.0  # 5 + 1 tokens
    assert figures["goodput_rps"] == 0.5
    assert figures["goodput_tokens_per_sec"] == 2.5


def test_latencies_are_those_of_completed_requests() -> None:
    figures = service_figures(example(), end_us=2_000_000)

    assert figures["ttft_mean_ms"] == 2.0  # not the 50 ms of the one that is running
    assert figures["e2e_p50_ms"] == 15.0
    assert figures["e2e_p99_ms"] == pytest.approx(19.9, rel=1e-12)
    assert figures["scheduling_delay_mean_ms"] == 0.7  # of everyone who was taken


def test_time_between_tokens_counts_requests_with_two_tokens_and_keeps_fractions_of_microseconds() -> None:
    figures = service_figures(example(), end_us=2_000_000)

    assert {figures[f"request_itl_{name}_ms"] for name in ("mean", "p50", "p99")} == {0.0105}


def test_an_empty_group_has_no_ratios_no_rates_of_no_time_and_no_latencies() -> None:
    (empty,) = split(example(), np.full(5, 7), 1)

    figures = service_figures(empty, end_us=0)

    counts = {key: value for key, value in figures.items() if key.endswith(("_requests", "_tokens"))}
    assert set(counts.values()) == {0}
    assert {value for key, value in figures.items() if key not in counts} == {None}


def test_groups_keep_the_order_of_arrival_and_leave_out_what_has_no_label() -> None:
    groups = list(split(example(), np.array([1, 0, -1, 1, 1]), 3))

    assert [group.input_tokens.tolist() for group in groups] == [[20], [10, 40, 50], []]


def test_a_request_meets_its_slo_if_it_completes_within_every_target_bounds_included() -> None:
    requests, outcome = run_of(
        [COMPLETED] * 5 + [RUNNING],
        ttft_ms=[100, 100.001, 50, 50, 50, 50],
        itl_ms=[20, 1, 20.001, 1, NAN, NAN],
        e2e_ms=[900, 1, 1, 900.001, 1, -1],
    )
    targets = SloTargets.from_mapping("slo", {"default": {"ttft_ms": 100, "itl_ms": 20, "e2e_ms": 900}})

    meets = served_requests(requests, outcome, targets).meets_slo

    assert meets.tolist() == [True, False, False, False, True, False]


def test_without_output_there_is_no_time_to_first_token_to_miss() -> None:
    requests, outcome = run_of([COMPLETED], ttft_ms=[-1], itl_ms=[NAN], e2e_ms=[5])

    assert served_requests(requests, outcome, SloTargets.from_mapping("slo", {"default": {"ttft_ms": 1}})).meets_slo[0]


def test_each_class_has_its_own_targets() -> None:
    requests, outcome = run_of(
        [COMPLETED] * 4,
        ttft_ms=[5] * 4,
        itl_ms=[1] * 4,
        e2e_ms=[50] * 4,
        slo_classes=("batch", "", "critical", "gold"),
        slo_class=[0, 1, 2, 3],
    )
    targets = SloTargets.from_mapping("slo", {"critical": {"ttft_ms": 4}, "batch": {}, "default": {"e2e_ms": 40}})

    meets = served_requests(requests, outcome, targets).meets_slo

    # batch has no target, the unnamed class and one that nobody knows have the default's
    assert meets.tolist() == [True, False, False, False]


def test_who_arrives_after_the_last_event_was_never_put_to_the_cluster() -> None:
    requests, outcome = run_of(
        [REJECTED, NOT_STARTED, NOT_STARTED],
        ttft_ms=[-1] * 3,
        itl_ms=[NAN] * 3,
        e2e_ms=[-1] * 3,
        arrival_us=[2_000, 1_000, 1_001],
        end_us=1_000,
    )

    assert served_requests(requests, outcome, SloTargets({})).arrived.tolist() == [True, True, False]


@pytest.mark.parametrize("blocks", ["classes", "tenants", "models"])
def test_groups_add_up_to_the_cluster(result: Result, blocks: str) -> None:
    metrics = result.metrics()
    keys = [key for key in metrics if key.endswith("_requests") and key in metrics[blocks][0]]
    if blocks == "models":  # who is rejected, or on the way, has no instance
        keys = ["completed_requests", "running_requests", "queued_requests"]

    for key in [*keys, "total_output_tokens"]:
        assert sum(one[key] for one in metrics[blocks]) == metrics[key] is not None
    assert 0 < metrics["completed_requests"] < metrics["arrived_requests"] < metrics["injected_requests"]
    assert metrics["rejected_requests"] > 0


def test_every_group_has_the_figures_of_the_cluster(result: Result) -> None:
    metrics = result.metrics()
    names = {"classes": ["critical", "batch", ""], "tenants": ["a", "b", "c"], "models": ["one", "two"]}

    for blocks, key in (("classes", "slo_class"), ("tenants", "tenant"), ("models", "model")):
        assert [one[key] for one in metrics[blocks]] == names[blocks]
        for one in metrics[blocks]:
            assert set(one) - {key, "slo_targets"} <= set(metrics)
            assert one["e2e_p99_ms"] >= one["e2e_p50_ms"] > 0


def test_a_group_has_the_figures_of_its_requests(result: Result) -> None:
    table = request_table(result).to_pylist()
    (batch,) = (one for one in result.metrics()["classes"] if one["slo_class"] == "batch")
    mine = [row for row in table if row["slo_class"] == "batch"]
    e2e_ms = [row["e2e_ms"] for row in mine if row["status"] == "completed"]

    assert batch["injected_requests"] == len(mine)
    assert batch["e2e_mean_ms"] == pytest.approx(np.mean(e2e_ms))
    assert batch["request_itl_p95_ms"] == pytest.approx(
        np.percentile([row["itl_mean_ms"] for row in mine if row["itl_mean_ms"] is not None], 95)
    )


def test_the_mean_of_the_column_meets_slo_is_the_attainment(result: Result) -> None:
    column = request_table(result)["meets_slo"].to_pylist()
    metrics = result.metrics()

    arrived = [meets for meets in column if meets is not None]
    assert len(arrived) == metrics["arrived_requests"] < len(column)
    assert metrics["slo_attainment"] == sum(arrived) / len(arrived)
    assert 0 < metrics["slo_attainment"] < metrics["completion_ratio"] < 1


def test_the_flat_figures_are_those_of_the_metrics(result: Result) -> None:
    metrics, figures = result.metrics(), result.figures()
    by_class = {f"class/{one['slo_class'] or 'unnamed'}/slo_attainment": one for one in metrics["classes"]}

    assert set(by_class) == {name for name in figures if "/" in name}
    for name, value in figures.items():
        assert value == (by_class[name]["slo_attainment"] if name in by_class else metrics[name])
    numbers = {key for key, value in metrics.items() if isinstance(value, int | float)} - {"seed", "n_instances"}
    assert numbers <= set(figures)


def test_targets_change_no_decision(result: Result) -> None:
    loose = SloTargets.from_mapping("slo", {})
    strict = SloTargets.from_mapping("slo", {"default": {"e2e_ms": 0.001}})
    run = (result.requests, result.cluster, result.outcome)

    assert cluster_figures(*run, strict)["slo_attainment"] == 0
    assert cluster_figures(*run, loose)["slo_attainment"] == cluster_figures(*run, loose)["completion_ratio"]


def test_replica_seconds_are_of_all_instances(result: Result) -> None:
    metrics = result.metrics()

    assert metrics["replica_seconds"] == 4 * metrics["vllm_estimated_duration_s"] > 0


def test_rejecting_everything_leaves_no_latency_and_no_goodput() -> None:
    affine = {"kind": "affine", "alpha_us": [1, 0, 0], "beta_us": [7000, 20, 60]}
    workload = {"kind": "distribution", "preset": "chatbot", "num_requests": 10}
    figures = simulate(
        Scenario.from_mapping(
            {
                "cluster": {"kv_blocks": 400, "latency": affine},
                "workload": workload,
                "policies": {"admission": "reject-all"},
            }
        )
    ).figures()

    assert figures["rejection_ratio"] == 1.0
    assert figures["completion_ratio"] == figures["slo_attainment"] == 0.0
    nothing = ("ttft_mean_ms", "itl_p99_ms", "e2e_p50_ms", "goodput_rps", "jain_latency", "busy_max_over_mean")
    assert {figures[name] for name in nothing} == {None}
    assert json.loads(json.dumps(figures, allow_nan=False)) == figures
