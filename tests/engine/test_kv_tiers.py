"""KV tiers beneath the GPUs: small clusters, worked out by hand."""

from dataclasses import replace
from typing import Any

import numba
import numpy as np
import pytest

from blis.cluster.failures import Failure
from blis.cluster.fleet_plan import Fleet, fleet_pools
from blis.cluster.instances import Cluster, Instance
from blis.cluster.kv_tiers import KvTiers, TierPlan
from blis.foundation.errors import ConfigError
from blis.outcome import Outcome, outcome
from blis.prepare import bind_run
from blis.simulate import Simulation
from tests.engine.test_eviction import BLOCK, LATENCY, one_by_one

#: A block is transferred in 25 µs, and a transfer takes 10 µs more.
SLOW = {"read_gb_per_s": 0.16, "write_gb_per_s": 0.16, "base_latency_us": 10, "capacity_blocks": 16}
BLOCK_BYTES = 4000.0


def tiers(listed: list[dict[str, Any]], n_instances: int = 1, **rules: Any) -> KvTiers:
    """Tiers of instances whose blocks are 4,000 bytes."""
    plan = TierPlan.from_mapping("kv_tiers", {"tiers": listed, "kv_bytes_per_token": BLOCK_BYTES / BLOCK, **rules})
    return KvTiers(plan, (BLOCK_BYTES,) * n_instances, (1,) * n_instances)


def served(
    prompts: str, *listed: dict[str, Any], kv_blocks: int = 10, n_instances: int = 1, policies: Any = None, **rules: Any
) -> Simulation:
    """A run of requests that never meet: see `one_by_one`."""
    instance = Instance(kv_blocks=kv_blocks, max_running_requests=4, step_token_budget=64, latency=LATENCY)
    beneath = tiers(list(listed), n_instances, **rules) if listed else None
    cluster = Cluster((instance,) * n_instances, "affine", BLOCK, kv_tiers=beneath)
    return Simulation(one_by_one(prompts), bind_run(cluster, policies or {})).run()


def found(run: Simulation) -> list[int]:
    """Blocks that each request had not to compute."""
    return outcome(run).requests.cached_blocks.tolist()


def device(run: Simulation, number: int = 0) -> Any:
    return run.state.tiers.devices[number]


@pytest.mark.parametrize("rules", [{}, {"write": "back"}, {"write": "back", "placement": "exclusive"}])
@pytest.mark.parametrize("load", ["request", "step"])
def test_what_the_gpu_has_evicted_comes_from_the_tier(rules: dict[str, str], load: str) -> None:
    # Ten blocks hold the four of A and four of a scan. Two scans push out three of A's, as the eviction tests work out.
    assert found(served("AA..A..A", kv_blocks=10)) == [0, 4, 0, 0, 1, 0, 0, 1]

    assert found(served("AA..A..A", SLOW, load=load, **rules)) == [0, 4, 0, 0, 4, 0, 0, 4]


@pytest.mark.parametrize("load", ["request", "step"])
def test_a_load_takes_the_latency_and_its_bytes_over_the_bandwidth(load: str) -> None:
    run = served("A..A", SLOW, write="back", load=load)

    ttft_us = outcome(run).requests.ttft_us.tolist()
    assert ttft_us[0] == 100 + 17  # a step that computes 17 tokens
    # One block is still on the GPU: three are loaded in 10 + 3 · 25 µs, and one token is computed in a step of its own.
    assert ttft_us[3] == 85 + 101
    assert device(run).load_us == 85


def test_a_single_block_gets_the_share_of_the_bandwidth_that_the_ramp_says() -> None:
    # From a quarter of the bandwidth for one block to all of it for four: three blocks get 1/4 + 3/4 · 2/3 = 3/4 of it.
    ramp = SLOW | {"saturation_queue_depth": 4, "single_transfer_fraction": 0.25}

    run = served("A..A", ramp, write="back")

    assert device(run).load_us == 10 + 3 * 25 / 0.75


def test_transfers_of_one_channel_wait_for_each_other() -> None:
    # A and B are pushed out by two scans, and come back at the same moment: the second waits until the first has come.
    requests = one_by_one("AB..AB")
    together = replace(requests, arrival_us=np.array([0, 1_000, 2_000, 3_000, 9_000, 9_000]))
    instance = Instance(kv_blocks=10, max_running_requests=4, step_token_budget=64, latency=LATENCY)
    cluster = Cluster((instance,), "affine", BLOCK, kv_tiers=tiers([SLOW]))
    run = Simulation(together, bind_run(cluster)).run()

    channel = run.state.tiers.channels[0]
    assert found(run)[-2:] == [4, 4]
    assert (channel.transfers, channel.blocks) == (2, 8)
    assert channel.waited_us == 10 + 4 * 25
    assert channel.busy_us == 2 * (10 + 4 * 25)


def test_a_shared_tier_gives_one_instance_what_another_wrote() -> None:
    routing = {"policy": "round-robin"}
    own = served("AA", SLOW, n_instances=2, policies={"routing": routing})
    shared = served("AA", SLOW | {"shared": True}, n_instances=2, policies={"routing": routing})

    assert outcome(own).requests.instance.tolist() == [0, 1]
    assert found(own) == [0, 0]
    assert found(shared) == [0, 4]
    # Each counts its own loads; the blocks lie with the first.
    assert shared.state.tiers.devices.loaded_blocks.tolist() == [0, 4]
    assert shared.state.tiers.devices.blocks.tolist() == [4, 0]


def test_a_chain_goes_on_where_the_nearer_tier_ends() -> None:
    # The first tier has room for two of the four blocks of A, and keeps its beginning; the second has all.
    near, far = SLOW | {"capacity_blocks": 2}, SLOW

    run = served("A..A", near, far)

    hits = run.state.tiers.devices.hit_blocks.tolist()
    assert found(run) == [0, 0, 0, 4]
    assert sum(hits) == 3


def test_what_is_evicted_from_a_tier_is_written_to_the_next() -> None:
    run = served("A....A", SLOW | {"capacity_blocks": 4}, SLOW, write="back", placement="exclusive")

    first, second = run.state.tiers.devices
    assert first.evicted_blocks == second.written_blocks > 0
    assert found(run)[-1] == 4


def test_only_prompts_are_written_where_that_is_asked_for() -> None:
    everything, prompts = served("AB", SLOW), served("AB", SLOW, prompt_only=True)

    assert device(everything).written_blocks == device(prompts).written_blocks == 8


def test_a_block_that_is_being_written_cannot_be_evicted_so_the_next_write_is_dropped() -> None:
    # A write of four blocks takes 10 + 4 · 25,000 µs: while it lasts, the device is full of what is under way.
    creeping = SLOW | {"write_gb_per_s": 0.00016, "capacity_blocks": 4}

    run = served("ABAB", creeping, kv_blocks=30)

    assert device(run).written_blocks == 4
    assert device(run).dropped_blocks == 4


def test_an_instance_that_dies_loses_its_own_tiers_and_not_what_all_share() -> None:
    instance = Instance(kv_blocks=30, max_running_requests=4, step_token_budget=64, latency=LATENCY)
    fleet = Fleet(fleet_pools([1], None, [0.0]), None, (Failure(0.0025, 0, 0.0001),))
    beneath = tiers([SLOW, SLOW | {"shared": True}])
    cluster = Cluster((instance,), "affine", BLOCK, kv_tiers=beneath, fleet=fleet)
    run = Simulation(one_by_one("A.BA"), bind_run(cluster)).run()

    # It dies when A, B and a scan have been there, and A comes back to an instance without a block.
    own, shared = run.state.tiers.devices
    assert (own.forgotten_blocks, shared.forgotten_blocks) == (12, 0)
    assert found(run) == [0, 0, 0, 4]
    assert (own.loaded_blocks, shared.loaded_blocks) == (0, 4)


@pytest.mark.parametrize(
    ("tiering", "expected"),
    [
        ("always", 4),
        ("never", 1),
        # Three blocks are twelve tokens.
        ({"policy": "minimum-tokens", "minimum_tokens": 12}, 4),
        ({"policy": "minimum-tokens", "minimum_tokens": 13}, 1),
        # Loading three blocks takes 85 µs, computing their tokens 12 µs.
        ("break-even", 1),
        ({"policy": "break-even", "worth": 0.14}, 4),
        ({"policy": "break-even", "worth": 0.15}, 1),
        ({"policy": "break-even", "worth": 0.14, "minimum_tokens": 13}, 1),
        ("near-only", 4),
    ],
)
def test_how_much_is_loaded_says_the_policy(tiering: Any, expected: int) -> None:
    run = served("A..A", SLOW, write="back", policies={"tiering": tiering})

    assert found(run)[-1] == expected
    assert device(run).hit_blocks == 3


def test_break_even_is_where_bytes_over_bandwidth_is_the_time_to_compute() -> None:
    # 160 KB of KV per token and 16,000 tokens in a second: 2.56 GB/s. Here a token takes 1 µs and 1,000 bytes: 1 GB/s.
    def loads(gb_per_s: float) -> bool:
        quick = {"read_gb_per_s": gb_per_s, "write_gb_per_s": 10, "capacity_blocks": 16}
        return bool(device(served("A..A", quick, write="back", policies={"tiering": "break-even"})).loads)

    assert not loads(0.99)
    assert loads(1.1)  # a load takes whole microseconds: 11 instead of 12


def test_near_only_stops_at_the_first_block_that_lies_further_away() -> None:
    near, far = SLOW | {"capacity_blocks": 2}, SLOW
    policies = {"tiering": "near-only"}

    run = served("A...A", near, far, policies=policies)

    assert run.state.tiers.devices.loaded_blocks[1] == 0


def test_a_router_sees_tiers_by_their_credit() -> None:
    # The first request leaves A on instance 0, and two scans push it to the tier there.
    scorers = "tiered-prefix:1"
    instance = Instance(kv_blocks=10, max_running_requests=4, step_token_budget=64, latency=LATENCY)
    cluster = Cluster(
        (instance,) * 2, "affine", BLOCK, router_ties="lowest-index", kv_tiers=tiers([SLOW], 2, write="back")
    )
    routing = {"policy": "weighted", "scorers": scorers}
    run = Simulation(one_by_one("A..A"), bind_run(cluster, {"routing": routing}), record_routing=True).run()

    # One block on the GPU and three in the tier, of four: (1 + 3 · 0.75) / 4.
    assert outcome(run).requests.routing_score[-1] == (1 + 3 * 0.75) / 4


@numba.njit
def one_block(view: Any, params: Any, memory: Any) -> int:
    """Load one block, and count how often that was asked."""
    memory[0] += 1
    return 1


def test_a_callable_answers_if_it_is_compiled() -> None:
    run = served("A..A", SLOW, write="back", policies={"tiering": one_block})

    assert found(run)[-1] == 1 + 1  # one on the GPU
    with pytest.raises(ConfigError, match=r"must be compiled, with numba\.njit: tiering is asked"):
        served("A", SLOW, policies={"tiering": lambda view, params, memory: 1})


def figures(result: Outcome) -> list[Any]:
    return [result.requests.ttft_us.tolist(), result.requests.e2e_us.tolist(), result.interval_us.tolist()]


@pytest.mark.parametrize("rules", [{}, {"write": "back"}, {"write": "back", "placement": "exclusive"}])
def test_tiers_of_which_nothing_is_loaded_change_nothing(rules: dict[str, str]) -> None:
    without = served("AA..A..A")
    unused = served("AA..A..A", SLOW, policies={"tiering": "never"}, **rules)

    assert figures(outcome(without)) == figures(outcome(unused))
