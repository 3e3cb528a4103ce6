"""What a configuration may say of the host's memory for preempted requests, and what follows from it."""

import math
from typing import Any

import pytest

from blis.cluster.deployment import build_cluster
from blis.cluster.plan import cluster_plan
from blis.cluster.swap_space import swap_tables
from blis.foundation.errors import ConfigError

LLAMA: dict[str, Any] = {"model": "meta-llama/llama-3.1-8b-instruct", "hardware": "H100", "tensor_parallel": 1}
AFFINE: dict[str, Any] = {
    "latency": {"kind": "affine", "alpha_us": [0, 0, 0], "beta_us": [100, 1, 1]},
    "kv_blocks": 100,
    "tensor_parallel": 2,
}


def capacity(**given: Any) -> list[int]:
    """Blocks of the host's memory on each instance."""
    tables = swap_tables(build_cluster(cluster_plan({"preemption_mode": "swap", **given})).swap)
    assert tables is not None
    return tables.spaces.capacity_blocks.tolist()


def test_victims_compute_anew_unless_it_is_said_otherwise() -> None:
    assert build_cluster(cluster_plan(LLAMA)).swap is None
    assert (
        build_cluster(cluster_plan(LLAMA | {"preemption_mode": "recompute", "swap": {"capacity_gb": 8}})).swap is None
    )


def test_each_gpu_has_four_gib_unless_it_is_said_otherwise() -> None:
    # A block is 16 tokens of 131,072 bytes, on however many GPUs it lies.
    assert capacity(**LLAMA, instances=2) == [4 * 2**30 // (16 * 131_072)] * 2
    assert capacity(**(LLAMA | {"tensor_parallel": 2})) == [2 * 4 * 2**30 // (16 * 131_072)]
    assert capacity(**LLAMA, swap={"capacity_gb": 1}) == [10**9 // (16 * 131_072)]
    assert capacity(**LLAMA, swap={"capacity_blocks": 7}) == [7]


def test_a_block_of_16_tokens_takes_its_bytes_over_the_bandwidth() -> None:
    tables = swap_tables(build_cluster(cluster_plan({"preemption_mode": "swap", **LLAMA})).swap)

    assert tables is not None
    reading, writing = tables.channels
    assert (reading.base_us, writing.base_us) == (9.5, 9.5)
    assert reading.block_us == pytest.approx(16 * 131_072 / 7.1e9 * 1e6)
    assert writing.block_us == pytest.approx(16 * 131_072 / 6.8e9 * 1e6)


def test_blocks_without_a_model_need_their_size() -> None:
    assert capacity(**AFFINE, swap={"kv_bytes_per_token": 1000, "capacity_gb": 0.016}) == [1000]
    with pytest.raises(ConfigError, match=r"cluster.swap.kv_bytes_per_token must be given where a pool has no model"):
        capacity(**AFFINE)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"preemption_mode": "swapp"}, r"cluster.preemption_mode: no choice named 'swapp'; did you mean 'swap'\?"),
        ({"preemption_mode": 1}, "cluster.preemption_mode: no choice named 1"),
        ({"swap": {"capacity_gb": 1, "capacity_blocks": 5}}, "cluster.swap must have capacity_gb or capacity_blocks"),
        ({"swap": {"capacity_gb": 0}}, r"cluster.swap.capacity_gb must be a finite number > 0"),
        ({"swap": {"capacity_gb": math.nan}}, "cluster.swap.capacity_gb must be a finite number > 0"),
        ({"swap": {"capacity_gb": 1e-9}}, "cluster.swap.capacity_gb must hold a block of 2097152 bytes at least"),
        ({"swap": {"capacity_blocks": 0}}, "cluster.swap.capacity_blocks must be an int"),
        ({"swap": {"capacity_blocks": 1.5}}, "cluster.swap.capacity_blocks must be an int"),
        ({"swap": {"copies": "besides"}}, r"cluster.swap.copies: no choice named 'besides'; did you mean 'beside'\?"),
        ({"swap": {"capacity": 5}}, r"cluster.swap: unknown key 'capacity'"),
        ({"swap": {"device": "cpu-pcie6"}}, r"cluster.swap.device: no choice named 'cpu-pcie6'"),
        ({"swap": {"read_gb_per_s": 1}}, "cluster.swap must have a device, or read_gb_per_s and write_gb_per_s"),
        ({"swap": {"base_latency_us": -1}}, "cluster.swap.base_latency_us must be a finite number"),
        ({"swap": {"kv_bytes_per_token": math.inf}}, "cluster.swap.kv_bytes_per_token must be a finite number > 0"),
        ({"swap": 4}, "cluster.swap must be a mapping"),
    ],
)
def test_a_wrong_configuration_is_one_clear_error(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        swap_tables(build_cluster(cluster_plan(LLAMA | {"preemption_mode": "swap"} | given)).swap)


def test_what_is_not_used_is_checked_all_the_same() -> None:
    with pytest.raises(ConfigError, match=r"cluster.swap.capacity_gb must be a finite number > 0"):
        cluster_plan(LLAMA | {"swap": {"capacity_gb": -1}})
