import dataclasses

import numpy as np
import pytest

from blis.metrics.percentiles import figures_ms, percentile_us, weighted_percentile_us
from blis.metrics.summary import summarise
from blis.output.plots import mean_count
from blis.result import Result, simulate
from blis.scenario import Scenario


@pytest.fixture(scope="module")
def result() -> Result:
    cluster = {"instances": 2, "model": "meta-llama/llama-3.1-8b-instruct", "hardware": "H100", "tensor_parallel": 2}
    workload = {"kind": "distribution", "preset": "chatbot", "num_requests": 40, "rate": 20.0}
    return simulate(Scenario.from_mapping({"cluster": cluster, "workload": workload, "horizon_us": 2_000_000}))


def test_percentiles_agree_with_numpy() -> None:
    values = np.sort(np.random.default_rng(1).integers(0, 10**6, 137))

    for percent in (0, 50, 90, 95, 99, 100):
        assert percentile_us(values, percent) == pytest.approx(np.percentile(values, percent))


def test_weighted_percentiles_are_those_of_the_values_written_out() -> None:
    values, counts = np.array([3, 10, 11, 500]), np.array([4, 1, 7, 2])

    for percent in (0, 1, 33, 50, 90, 99, 100):
        assert weighted_percentile_us(values, counts, percent) == percentile_us(np.repeat(values, counts), percent)


def test_nothing_has_no_figures() -> None:
    assert set(figures_ms("ttft", np.empty(0, np.int64)).values()) == {None}
    assert weighted_percentile_us(np.empty(0, np.int64), np.empty(0, np.int64), 50) is None


def test_figures_are_milliseconds() -> None:
    figures = figures_ms("ttft", np.array([1000, 3000]))

    assert figures == {
        "ttft_mean_ms": 2.0, "ttft_p50_ms": 2.0, "ttft_p90_ms": 2.8, "ttft_p95_ms": 2.9, "ttft_p99_ms": 2.98,
    }  # fmt: skip


def test_every_figure_of_the_reference_is_there(result: Result) -> None:
    metrics = result.metrics()
    latencies = [f"{name}_{figure}_ms" for name in ("e2e", "ttft", "itl") for figure in ("mean", "p90", "p95", "p99")]

    for key in [
        *latencies, "instance_id", "completed_requests", "total_input_tokens", "total_output_tokens",
        "vllm_estimated_duration_s", "responses_per_sec", "tokens_per_sec", "scheduling_delay_p99_ms",
        "kv_allocation_failures", "itl_p50_ms", "preemption_rate", "cache_hit_rate", "kv_peak_use", "kv_mean_use",
    ]:  # fmt: skip
        assert key in metrics


def test_requests_are_conserved_at_a_horizon(result: Result) -> None:
    metrics = result.metrics()
    states = ("completed", "running", "queued", "rejected", "dropped", "not_started")

    assert metrics["injected_requests"] == 40 == sum(metrics[f"{state}_requests"] for state in states)
    assert metrics["running_requests"] > 0
    assert metrics["completed_requests"] == sum(one["completed_requests"] for one in metrics["instances"])


def test_latency_counts_completed_requests_only(result: Result) -> None:
    done = result.outcome.requests
    completed = done.e2e_us >= 0

    assert 0 < completed.sum() < (done.ttft_us >= 0).sum()
    assert result.metrics()["ttft_mean_ms"] == pytest.approx(done.ttft_us[completed].mean() / 1000)


def test_hit_rate_is_weighted_by_lookups(result: Result) -> None:
    instances = dataclasses.replace(
        result.outcome.instances, cache_hits=np.array([90, 0]), cache_misses=np.array([10, 0])
    )
    outcome = dataclasses.replace(result.outcome, instances=instances)
    metrics = summarise(result.requests, result.cluster, outcome, result.scenario.slo)

    assert metrics["cache_hit_rate"] == 0.9
    assert [one["cache_hit_rate"] for one in metrics["instances"]] == [0.9, None]


def test_mean_count_integrates_the_steps() -> None:
    starts, ends = np.array([0, 5]), np.array([10, 15])

    means = mean_count(starts, ends, np.array([0.0, 10.0, 20.0]))

    assert means.tolist() == [1.5, 0.5]  # one for 10, one for 5 of 10; then one for 5 of 10
