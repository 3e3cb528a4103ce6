import dataclasses

import numpy as np
import pytest

from blis.metrics.percentiles import REPORTED, figures_ms, weighted_figures_ms
from blis.metrics.summary import summarise
from blis.output.plots import mean_count
from blis.result import Result, simulate
from blis.scenario import Scenario


@pytest.fixture(scope="module")
def result() -> Result:
    cluster = {"instances": 2, "model": "meta-llama/llama-3.1-8b-instruct", "hardware": "H100", "tensor_parallel": 2}
    workload = {"kind": "distribution", "preset": "chatbot", "num_requests": 40, "rate": 20.0}
    return simulate(Scenario.from_mapping({"cluster": cluster, "workload": workload, "horizon_us": 2_000_000}))


@pytest.mark.parametrize("n", [1, 2, 3, 10, 100, 101, 137, 1000])
@pytest.mark.parametrize("dtype", [np.int64, np.float64])
def test_percentiles_and_means_agree_with_numpy(n: int, dtype: type) -> None:
    values = np.random.default_rng(n).integers(0, 10**6, n).astype(dtype)
    wanted = {f"x_p{percent}_ms": np.percentile(values, percent) / 1e3 for percent in REPORTED}

    assert figures_ms("x", values) == pytest.approx({"x_mean_ms": values.mean() / 1e3, **wanted}, rel=1e-12)


def test_figures_of_counted_values_are_those_of_the_values_written_out() -> None:
    random = np.random.default_rng(1)

    for n in (1, 2, 5, 50):
        values, counts = np.unique(random.integers(0, 1000, n)), random.integers(1, 9, n)
        counts = counts[: len(values)]
        assert weighted_figures_ms("x", values, counts) == figures_ms("x", np.repeat(values, counts))


def test_nothing_has_no_figures() -> None:
    nothing = np.empty(0, np.int64)

    assert set(figures_ms("ttft", nothing).values()) == {None}
    assert weighted_figures_ms("ttft", nothing, nothing) == figures_ms("ttft", nothing)


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
