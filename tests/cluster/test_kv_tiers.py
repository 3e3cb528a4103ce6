"""The KV tiers of a cluster's configuration."""

from typing import Any

import pytest

from blis.cluster.deployment import build_cluster
from blis.cluster.kv_tiers import KvTiers, TierPlan, tier_tables
from blis.cluster.plan import cluster_plan
from blis.cluster.tier_devices import TIER_DEVICES
from blis.engine.channels import READ, WRITE, transfer_us
from blis.foundation.errors import ConfigError
from blis.foundation.semantics import semantics
from blis.prepare import prepare_cluster

NEAR = {"device": "cpu-pcie5", "capacity_gb": 10}
LLAMA = {"model": "meta-llama/llama-3.1-8b-instruct", "hardware": "H100", "tensor_parallel": 1}


def plan(*tiers: Any, **rules: Any) -> TierPlan:
    return TierPlan.from_mapping("kv_tiers", {"tiers": list(tiers), **rules})


def test_what_is_left_out_has_its_default() -> None:
    one = plan(NEAR)

    assert (one.load, one.write, one.placement, one.prompt_only) == ("request", "through", "inclusive", False)
    assert one.tiers[0].device == TIER_DEVICES["cpu-pcie5"]
    assert (one.tiers[0].eviction, one.tiers[0].shared) == ("lru", False)
    assert one == plan(NEAR | dict.fromkeys(("eviction", "shared", "read_gb_per_s")), write=None, load=None)


def test_a_cluster_has_none_unless_it_says_so() -> None:
    cluster: dict[str, Any] = {"latency": {"kind": "affine", "alpha_us": [0, 0, 0], "beta_us": [1, 1, 1]}}

    assert cluster_plan(cluster).kv_tiers is None
    assert cluster_plan(cluster | {"kv_tiers": None}).kv_tiers is None


def test_a_capacity_is_as_many_blocks_of_the_model_as_it_holds() -> None:
    # Llama 3.1 8B: 32 layers, 8 heads of 128 numbers, keys and values of two bytes: 131,072 bytes per token.
    cluster = build_cluster(cluster_plan(LLAMA | {"kv_tiers": {"tiers": [NEAR]}}))

    assert cluster.kv_tiers is not None
    assert cluster.kv_tiers.block_bytes == (16 * 131_072,)
    tables = tier_tables(cluster.kv_tiers)
    assert tables is not None
    assert tables.devices.capacity_blocks.tolist() == [10**10 // (16 * 131_072)]


def test_host_memory_is_as_quick_as_was_measured() -> None:
    # H100, PCIe 5.0: 2 GiB came in 40,762 µs and went in 39,419; 2 MiB in 49 and 48.
    tables = tier_tables(KvTiers(plan(NEAR), (2.0**21,), (1,)))
    assert tables is not None

    for direction, measured in ((READ, {1: 49.0, 1024: 40_762.0}), (WRITE, {1: 48.2, 1024: 39_419.0})):
        for blocks, time_us in measured.items():
            assert transfer_us(tables.channels, direction, blocks, 0) == pytest.approx(time_us, rel=0.01)


def test_each_gpu_of_an_instance_has_its_own_path_to_host_memory_but_not_to_a_disk() -> None:
    disk = {"device": "nvme-gen4", "capacity_gb": 10}
    one, four = (tier_tables(KvTiers(plan(NEAR, disk), (2.0**21,), (gpus,))) for gpus in (1, 4))
    assert one is not None
    assert four is not None

    assert (one.channels.block_us / four.channels.block_us).tolist() == [4, 4, 1, 1]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "kv_tiers.tiers must be a list of 1 to 4 tiers; got None."),
        ({"tiers": []}, r"kv_tiers.tiers must be a list of 1 to 4 tiers; got \[\]."),
        ({"tiers": [NEAR] * 5}, "kv_tiers.tiers must be a list of 1 to 4 tiers"),
        ({"tiers": [NEAR], "writes": "back"}, r"kv_tiers: unknown key 'writes'; did you mean 'write'\?"),
        ({"tiers": [NEAR], "write": "bak"}, r"kv_tiers.write: no choice named 'bak'; did you mean 'back'\?"),
        ({"tiers": [NEAR], "load": "later"}, "kv_tiers.load: no choice named 'later'"),
        ({"tiers": [NEAR], "placement": "exclusive"}, "kv_tiers.placement exclusive needs write back"),
        ({"tiers": [NEAR], "write": "back", "prompt_only": True}, "kv_tiers.prompt_only needs write through"),
        ({"tiers": [NEAR], "prompt_only": 1}, "kv_tiers.prompt_only must be true or false; got 1."),
        ({"tiers": [NEAR], "kv_bytes_per_token": 0}, "kv_tiers.kv_bytes_per_token must be a finite number > 0"),
        ({"tiers": [{"device": "cpu-pcie5"}]}, r"kv_tiers.tiers\[0\] must have either capacity_gb or capacity_blocks; "
         "got neither."),
        ({"tiers": [NEAR | {"capacity_blocks": 3}]}, "got both."),
        ({"tiers": [NEAR | {"capacity_gb": 0}]}, r"kv_tiers.tiers\[0\].capacity_gb must be a finite number > 0"),
        ({"tiers": [NEAR | {"capacity_gb": -1}]}, "capacity_gb must be a finite number > 0"),
        ({"tiers": [NEAR | {"capacity_gb": float("nan")}]}, "capacity_gb must be a finite number > 0"),
        ({"tiers": [NEAR | {"capacity_gb": float("inf")}]}, "capacity_gb must be a finite number > 0"),
        ({"tiers": [{"device": "cpu-pcie5", "capacity_blocks": 0}]}, r"capacity_blocks must be an int in \[1, "),
        ({"tiers": [NEAR | {"device": "nvme_gen4"}]}, "device: no choice named 'nvme_gen4'; did you mean 'nvme-gen4'"),
        ({"tiers": [{"capacity_gb": 1}]}, "must have a device, or read_gb_per_s and write_gb_per_s"),
        ({"tiers": [NEAR | {"read_gb_per_s": 0}]}, "read_gb_per_s must be a finite number > 0"),
        ({"tiers": [NEAR | {"base_latency_us": -1}]}, r"base_latency_us must be a finite number in \[0, "),
        ({"tiers": [NEAR | {"saturation_queue_depth": 0}]}, "saturation_queue_depth must be an int in"),
        ({"tiers": [NEAR | {"single_transfer_fraction": 1.5}]}, "single_transfer_fraction must be a finite number > 0"),
        ({"tiers": [NEAR | {"eviction": "lfu"}]}, "eviction: no choice named 'lfu'"),
        ({"tiers": [NEAR | {"router_credit": 2}]}, "router_credit must be a finite number in"),
        ({"tiers": [NEAR | {"shared": True}, NEAR]}, r"kv_tiers.tiers\[0\].shared must be false but in the last tier"),
        ({"tiers": [5]}, r"kv_tiers.tiers\[0\] must be a mapping of keys to values; got 5."),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_in_one_line(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as error:
        TierPlan.from_mapping("kv_tiers", given)

    assert "\n" not in str(error.value)


def test_a_tier_without_room_for_a_block_is_refused() -> None:
    tiny = KvTiers(plan(NEAR | {"capacity_gb": 0.001}), (2.0**21,), (1,))

    with pytest.raises(ConfigError, match=r"tiers\[0\].capacity_gb must hold a block of 2097152 bytes at least"):
        tier_tables(tiny)


def test_what_all_share_needs_one_model() -> None:
    pools = [{"count": 1}, {"count": 1, "model": "qwen/qwen3-30b-a3b"}]
    shared = LLAMA | {"instances": pools, "kv_tiers": {"tiers": [NEAR | {"shared": True}]}}

    with pytest.raises(ConfigError, match=r"cluster.kv_tiers.tiers\[0\].shared needs one model on all instances"):
        build_cluster(cluster_plan(shared))


def test_without_a_model_the_size_of_a_token_must_be_given() -> None:
    plain = {"kv_blocks": 10, "latency": {"kind": "affine", "alpha_us": [0, 0, 0], "beta_us": [1, 1, 1]}}

    with pytest.raises(ConfigError, match=r"cluster\.kv_tiers\.kv_bytes_per_token must be given"):
        build_cluster(cluster_plan(plain | {"kv_tiers": {"tiers": [NEAR]}}))

    sized = build_cluster(cluster_plan(plain | {"kv_tiers": {"tiers": [NEAR], "kv_bytes_per_token": 1000}}))
    assert sized.kv_tiers is not None
    assert sized.kv_tiers.block_bytes == (16_000,)


def test_the_recorded_reference_has_none() -> None:
    rules = semantics("reference-2026-04")
    cluster = build_cluster(cluster_plan(LLAMA | {"kv_tiers": {"tiers": [NEAR]}}), semantics=rules)

    with pytest.raises(ConfigError, match=r"cluster: kv_tiers need the semantics corrected or vllm-0\.32"):
        prepare_cluster(cluster, rules)
