"""How large adapters are, how long they take to load, what they add to a step, and what they leave of the KV cache."""

import json
from pathlib import Path
from typing import Any

import pytest

from blis.cluster.catalog import read_device, read_model
from blis.cluster.deployment import build_cluster
from blis.cluster.lora import Lora, lora_costs
from blis.cluster.lora_shape import lora_shape
from blis.cluster.plan import cluster_plan
from blis.foundation.errors import ConfigError

LLAMA = "meta-llama/llama-3.1-8b-instruct"


def costs(lora: dict[str, Any], model: str = LLAMA, tensor_parallel: int = 1) -> Any:
    made = Lora.from_mapping("lora", lora)
    return lora_costs(made, read_model(model), read_device("H100"), tensor_parallel, "lora")


def test_an_adapter_of_llama_8b_has_41_943_040_weights_at_rank_16() -> None:
    shape = lora_shape(read_model(LLAMA), 1, "lora")

    assert 16 * shape.whole_rank_bytes / 2 == 41_943_040
    assert shape.rank_bytes == shape.whole_rank_bytes


def test_half_of_an_adapter_is_split_among_gpus() -> None:
    one, four = (lora_shape(read_model(LLAMA), degree, "lora") for degree in (1, 4))

    # Of a matrix that is split by its outputs the inputs stay whole, of one by its inputs the outputs: hidden is 4096.
    whole = 32 * 2 * (3 * 4096 + 4096 + 2 * 4096 + 4096)
    assert four.rank_bytes - whole == (one.rank_bytes - whole) / 4
    assert four.whole_rank_bytes == one.whole_rank_bytes


def test_what_adapters_add_to_a_step_is_what_was_measured() -> None:
    path = Path(__file__).parents[2] / "experiments" / "e008_kv_copies" / "h100_adapters.json"
    steps = json.loads(path.read_text(encoding="utf-8"))["steps"]
    plain_us = {one["tokens"]: 1000 * one["time_ms"] for one in steps if one["adapters"] == 0}
    errors = []
    for one in steps:
        if one["adapters"] > 0:
            own = costs({"max_lora_rank": one["rank"]})
            added_us = own.lora_step_us + own.lora_adapter_us * one["adapters"] + own.lora_token_us * one["tokens"]
            measured_us = 1000 * one["time_ms"]
            errors.append(abs(plain_us[one["tokens"]] + added_us - measured_us) / measured_us)

    assert sorted(errors)[len(errors) // 2] < 0.03
    assert max(errors) < 0.1


def test_loading_takes_what_the_copies_and_the_disk_take() -> None:
    own = costs({"max_loras": 4, "max_lora_rank": 16})

    # 83.9 MB: 12.5 µs + 1539 µs at 54.5 GB/s + 448 tensors of 8 µs; from disk at 0.5 GB/s.
    assert own.lora_host_load_us == pytest.approx(12.5 + 83_886_080 / 54_500 + 448 * 8, abs=1)
    assert own.lora_disk_load_us == pytest.approx(83_886_080 / 500, abs=1)
    half = costs({"max_loras": 4, "max_lora_rank": 16, "rank": 8})
    assert half.lora_disk_load_us == pytest.approx(own.lora_disk_load_us / 2, abs=1)
    assert half.lora_step_us == own.lora_step_us  # kernels compute the rank of the slots


def test_slots_take_memory_from_the_kv_cache() -> None:
    plain = {"model": LLAMA, "hardware": "H100", "tensor_parallel": 1, "latency": "roofline"}

    def blocks(**lora: int) -> int:
        return build_cluster(cluster_plan(plain | ({"lora": lora} if lora else {}))).instances[0].kv_blocks

    # 131,072 bytes a token: a slot of rank 64 of 335.5 MB is 160 blocks of 16 tokens.
    assert blocks() - blocks(max_loras=16, max_lora_rank=64) == pytest.approx(16 * 160, abs=1)


@pytest.mark.parametrize(
    ("lora", "message"),
    [
        ({"max_loras": 0}, r"cluster.lora.max_loras must be an int in \[1, 100000\] \[adapters\]; got 0"),
        ({"max_loras": 4, "max_cpu_loras": 3}, r"max_cpu_loras must be an int in \[4, 100000\]"),
        ({"rank": 32}, r"cluster.lora.rank must be an int in \[1, 16\]; got 32"),
        ({"max_lora_rank": True}, "max_lora_rank must be an int"),
        ({"step_us": float("nan")}, "step_us must be a finite number in"),
        ({"token_us": -1}, "token_us must be a finite number in"),
        ({"disk_gb_per_s": 0}, "disk_gb_per_s must be a finite number"),
        ({"max_lora": 3}, "unknown key 'max_lora'; did you mean 'max_loras'"),
        ([], "cluster.lora must be a mapping"),
        ({"max_loras": 4}, "cluster.lora must give host_load_ms"),
    ],
)
def test_wrong_adapters_are_named(lora: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build_cluster(cluster_plan({"latency": {"kind": "affine", "alpha_us": [0, 0, 0], "beta_us": [1, 0, 0]},
                                    "kv_blocks": 10, "lora": lora}))  # fmt: skip


def test_slots_that_leave_no_room_are_named() -> None:
    plan = {"model": LLAMA, "hardware": "H100", "tensor_parallel": 1, "latency": "roofline"}
    with pytest.raises(ConfigError, match=r"lora.max_loras must leave memory for KV blocks: slots take 312\.5 GiB"):
        build_cluster(cluster_plan(plan | {"lora": {"max_loras": 1000, "max_lora_rank": 64}}))


def test_a_model_whose_matrices_are_not_known_needs_costs() -> None:
    with pytest.raises(ConfigError, match="adapters are derived for layers of ordinary attention alone"):
        costs({}, "deepseek-ai/deepseek-v3")
