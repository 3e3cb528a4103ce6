"""What a configuration may say of the host's memory for preempted requests, and what follows from it."""

import math
from typing import Any

import pytest

from blis.cluster.deployment import build_cluster
from blis.cluster.plan import cluster_plan
from blis.cluster.swap_space import swap_tables
from blis.foundation.errors import ConfigError
from blis.prepare import prepare
from blis.scenario import Scenario

LLAMA: dict[str, Any] = {"model": "meta-llama/llama-3.1-8b-instruct", "hardware": "H100", "tensor_parallel": 1}
AFFINE: dict[str, Any] = {
    "latency": {"kind": "affine", "alpha_us": [0, 0, 0], "beta_us": [100, 1, 1]},
    "kv_blocks": 100,
    "tensor_parallel": 2,
}


def capacity(**given: Any) -> list[int]:
    """Blocks of the host's memory on each instance."""
    tables = swap_tables(build_cluster(cluster_plan({"swap": {}, **given})).swap)
    assert tables is not None
    return tables.spaces.capacity_blocks.tolist()


def test_victims_compute_anew_unless_it_is_said_otherwise() -> None:
    assert build_cluster(cluster_plan(LLAMA)).swap is None
    assert build_cluster(cluster_plan(LLAMA | {"swap": None})).swap is None


def test_each_gpu_has_four_gib_unless_it_is_said_otherwise() -> None:
    # A block is 16 tokens of 131,072 bytes, on however many GPUs it lies.
    assert capacity(**LLAMA, instances=2) == [4 * 2**30 // (16 * 131_072)] * 2
    assert capacity(**(LLAMA | {"tensor_parallel": 2})) == [2 * 4 * 2**30 // (16 * 131_072)]
    assert capacity(**LLAMA, swap={"capacity_gb": 1}) == [10**9 // (16 * 131_072)]
    assert capacity(**LLAMA, swap={"capacity_blocks": 7}) == [7]


def test_a_block_of_16_tokens_takes_its_bytes_over_the_bandwidth() -> None:
    tables = swap_tables(build_cluster(cluster_plan({"swap": {}, **LLAMA})).swap)

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
        ({"preemption_mode": "swap"}, r"cluster.preemption_mode must not be given, .* preemption_mode=swap, .*'swap'"),
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
        swap_tables(build_cluster(cluster_plan(LLAMA | given)).swap)


SCENARIO = {"cluster": LLAMA, "workload": {"kind": "distribution", "rate": 1, "num_requests": 3}}


@pytest.mark.parametrize("mode", ["swap", "minimum-tokens", {"policy": "break-even", "worth": 2}])
def test_blocks_cannot_be_kept_where_there_is_no_room_for_any(mode: Any) -> None:
    given = SCENARIO | {"policies": {"preemption_mode": mode}}

    with pytest.raises(ConfigError, match="preemption_mode must be recompute where instances have no room in host mem"):
        prepare(Scenario.from_mapping(given))
    with_room = {**given, "cluster": LLAMA | {"swap": {}}}
    assert prepare(Scenario.from_mapping(with_room)).prepared_policies.may_swap


def test_computing_anew_needs_no_room_and_an_unknown_answer_is_named() -> None:
    assert not prepare(Scenario.from_mapping(SCENARIO)).prepared_policies.may_swap
    with pytest.raises(ConfigError, match=r"preemption_mode: no choice named 'swapp'; did you mean 'swap'\?"):
        prepare(Scenario.from_mapping(SCENARIO | {"policies": {"preemption_mode": "swapp"}}))
