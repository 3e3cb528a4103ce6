"""What a plan leaves out comes from the model."""

from typing import Any

import pytest

from blis.cluster.deployment import build_cluster
from blis.cluster.plan import cluster_plan
from blis.result import simulate
from blis.scenario import Scenario

LLAMA_2 = {"model": "meta-llama/llama-2-7b-hf", "hardware": "H100", "tensor_parallel": 1, "latency": "roofline"}


@pytest.mark.parametrize(("given", "longest_tokens"), [({}, 4096), ({"max_model_len_tokens": 0}, 0),
                                                       ({"max_model_len_tokens": 9000}, 9000)])  # fmt: skip
def test_the_longest_sequence_is_the_models_own_unless_told_otherwise(
    given: dict[str, Any], longest_tokens: int
) -> None:
    cluster = build_cluster(cluster_plan({**LLAMA_2, **given}))

    assert cluster.instances[0].max_model_len_tokens == longest_tokens


def test_a_model_that_is_not_shipped_has_no_longest_sequence() -> None:
    affine = {"kind": "affine", "alpha_us": [1, 0, 0], "beta_us": [1000, 0, 0]}
    cluster = build_cluster(cluster_plan({"model": "somebody/theirs", "hardware": "H100", "tensor_parallel": 1,
                                          "kv_blocks": 10, "latency": affine}))  # fmt: skip

    assert cluster.instances[0].max_model_len_tokens == 0


def test_requests_that_are_too_long_for_the_model_are_dropped_and_counted() -> None:
    workload = {"kind": "distribution", "num_requests": 20, "rate": 10, "prompt_tokens_mean": 6000,
                "prompt_tokens_min": 6000, "prompt_tokens_max": 6000}  # fmt: skip
    metrics = simulate(Scenario.from_mapping({"cluster": LLAMA_2, "workload": workload})).metrics()

    assert (metrics["dropped_requests"], metrics["completed_requests"]) == (20, 0)
