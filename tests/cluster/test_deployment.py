"""What a plan leaves out comes from the model."""

import json
from pathlib import Path
from typing import Any

import pytest

from blis.cluster.deployment import build_cluster
from blis.cluster.plan import cluster_plan
from blis.foundation.errors import ConfigError
from blis.foundation.semantics import CORRECTED, REFERENCE_2026_04, semantics
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


# Two H100 of 79.15 GiB, of which 0.9 may be used: weights 7.48 GiB each, 1.19 for sampling, 0.6 of runtime; a token
# takes 64 KiB on each. The reference counts the memory of both, with 80 GiB each and 5.5 for activations, by the same
# 64 KiB.
def test_blocks_are_what_the_gpus_hold_except_under_the_reference_semantics() -> None:
    plan = cluster_plan({"model": "meta-llama/llama-3.1-8b-instruct", "hardware": "H100", "tensor_parallel": 2,
                         "latency": "roofline"})  # fmt: skip

    (fitting,) = build_cluster(plan, semantics=CORRECTED).instances
    (published,) = build_cluster(plan, semantics=REFERENCE_2026_04).instances

    assert fitting.kv_blocks == pytest.approx((0.9 * 79.15 - 7.48 - 1.19 - 0.6) * 2**20 / 64 / 16, rel=1e-3)
    assert published.kv_blocks == pytest.approx((2 * 0.9 * 80 - 14.96 - 5.5 - 2 * 0.6) * 2**20 / 64 / 16, rel=1e-3)


def test_the_semantics_of_a_scenario_decide_how_its_blocks_are_derived() -> None:
    mapping = {"cluster": {**LLAMA_2, "tensor_parallel": 2, "max_running_requests": 64},
               "workload": {"kind": "distribution", "num_requests": 1, "rate": 1}}  # fmt: skip

    def blocks(semantics: str) -> int:
        return simulate(Scenario.from_mapping({**mapping, "semantics": semantics})).cluster.instances[0].kv_blocks

    assert blocks("reference-2026-04") > 1.5 * blocks("corrected")


def test_pools_may_store_their_blocks_differently() -> None:
    pools = [{"count": 1}, {"count": 1, "kv_cache_dtype": "fp8"}]

    wide, narrow = build_cluster(cluster_plan({**LLAMA_2, "instances": pools})).instances

    assert narrow.kv_blocks == pytest.approx(2 * wide.kv_blocks, abs=1)


def test_a_models_folder_of_unknown_layers_serves_with_blocks_that_are_given(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({
        "num_hidden_layers": 2, "hidden_size": 64, "num_attention_heads": 4, "intermediate_size": 128,
        "vocab_size": 100, "layer_types": ["full_attention", "retention"]}))  # fmt: skip
    plan = {"model": str(tmp_path), "hardware": "H100", "tensor_parallel": 1, "latency": "roofline"}

    assert build_cluster(cluster_plan({**plan, "kv_blocks": 7})).instances[0].kv_blocks == 7
    with pytest.raises(ConfigError, match=r"cluster: .*config\.json: layer_types names the unknown kind of layer"):
        build_cluster(cluster_plan(plan))


def test_a_pool_says_how_its_engine_forms_batches_or_the_semantics_do() -> None:
    own = {"async_scheduling": True, "reserve_full_isl": False, "kv_watermark": 0.1, "prefix_caching": False}
    pools = [{"count": 1, "kv_blocks": 99, **own}, {"count": 1}]

    limits = build_cluster(cluster_plan({**LLAMA_2, "instances": pools})).limits(semantics("corrected"))
    of_vllm = build_cluster(cluster_plan(LLAMA_2)).limits(semantics("vllm-0.32"))

    names = ["async_scheduling", "reserve_full_isl", "watermark_blocks", "prefix_caching"]
    assert [limits[name].tolist() for name in names] == [[1, 0], [0, 1], [10, 0], [0, 1]]
    assert [of_vllm[name].tolist() for name in names] == [[1], [1], [0], [1]]
