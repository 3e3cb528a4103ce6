"""What a request takes alone has a closed form: the simulator must say the same, whatever prices its steps."""

from typing import Any

import pytest

from blis.cluster.deployment import build_cluster
from blis.foundation.semantics import semantics
from blis.result import simulate
from blis.scenario import Scenario
from blis.unloaded import unloaded

LLAMA = {"model": "meta-llama/llama-3.1-8b-instruct", "hardware": "H100", "tensor_parallel": 1}
PRICES = {
    "silicon": {"kind": "silicon", "output_token_us": 7.0},
    "trained-physics": {"kind": "trained-physics"},
    "roofline": {"kind": "roofline"},
    "affine": {"kind": "affine", "alpha_us": [1601.3, 3.5, 1805.5], "beta_us": [6910.4, 17.67, 2.84]},
}


def alone(cluster: dict[str, Any], prompt_tokens: int, output_tokens: int, rules: str) -> Scenario:
    lengths = {
        f"{part}_tokens_{key}": 0 if key == "stdev" else value
        for part, value in (("prompt", prompt_tokens), ("output", output_tokens))
        for key in ("mean", "stdev", "min", "max")
    }
    workload = {"kind": "distribution", "rate": 1.0, "num_requests": 1, **lengths}
    return Scenario.from_mapping({"cluster": cluster, "workload": workload, "semantics": rules})


@pytest.mark.parametrize("rules", ["corrected", "vllm-0.32", "reference-2026-04"])
@pytest.mark.parametrize(("prompt_tokens", "output_tokens"), [(1, 1), (100, 2), (5000, 30), (9000, 200)])
@pytest.mark.parametrize("kind", PRICES)
def test_a_lone_request_takes_what_the_closed_form_says(
    kind: str, prompt_tokens: int, output_tokens: int, rules: str
) -> None:
    cut = {"long_prefill_threshold_tokens": 512, "admission_latency_us": 70, "routing_latency_us": 30}
    for changes in ({}, cut):
        scenario = alone({**LLAMA, "latency": PRICES[kind], **changes}, prompt_tokens, output_tokens, rules)

        rows = simulate(scenario).outcome.requests
        built = build_cluster(scenario.cluster, semantics=semantics(rules))
        times = unloaded(built, prompt_tokens, output_tokens, semantics(rules))

        assert (times.ttft_us, times.e2e_us) == (rows.ttft_us[0], rows.e2e_us[0])
        if output_tokens > 1:
            assert times.itl_us == pytest.approx(rows.itl_mean_us[0], rel=1e-12)


def test_slowest_instance_counts() -> None:
    def times(*hardware: str) -> tuple[float, ...]:
        pools = [{"count": 2, "hardware": name} for name in hardware]
        cluster = {**LLAMA, "latency": {"kind": "silicon"}, "instances": pools}
        return unloaded(build_cluster(alone(cluster, 1, 1, "corrected").cluster), 1000, 100)

    fast, slow = times("H100"), times("L40S")

    assert all(one < other for one, other in zip(fast, slow, strict=True))
    assert times("H100", "L40S") == times("L40S", "H100") == slow
