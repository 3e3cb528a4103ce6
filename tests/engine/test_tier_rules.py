"""Rules of tiers that a policy gives are those that a cluster gives, and hold for one run alone."""

from typing import Any

import numba
import pytest

from blis.cluster.instances import Cluster, Instance
from blis.cluster.kv_tiers import KvTiers, TierPlan
from blis.engine.tier_laws import check_tier_laws
from blis.engine.tier_rules_view import ARC, BACK, LRU
from blis.foundation.errors import ConfigError
from blis.outcome import outcome
from blis.policies.prepared import prepare_policies
from blis.prepare import bind_run, prepare_cluster, prepared_run
from blis.simulate import Simulation
from blis.stage import Stage
from tests.laws.test_runs_of_blocks import BLOCK, LATENCY, conversations
from tests.laws.test_simulation_is_a_value import assert_same

WRITING: dict[str, dict[str, Any]] = {
    "through": {"write": "through"},
    "prompts-through": {"write": "through", "prompt_only": True},
    "back": {"write": "back"},
    "exclusive": {"write": "back", "placement": "exclusive"},
}
DEVICE = {"read_gb_per_s": 0.5, "write_gb_per_s": 0.5, "base_latency_us": 5}
REQUESTS = conversations(4)


def cluster(evictions: tuple[str, str] = ("lru", "lru"), **rules: Any) -> Cluster:
    """Two instances that are short of memory above a small tier of each and one that they share."""
    listed = [
        DEVICE | {"capacity_blocks": 24, "eviction": evictions[0]},
        DEVICE | {"capacity_blocks": 60, "eviction": evictions[1], "shared": True},
    ]
    longest = int((REQUESTS.input_tokens + REQUESTS.output_tokens).max())
    one = Instance(kv_blocks=longest // BLOCK + 8, max_running_requests=6, step_token_budget=32, latency=LATENCY)
    plan = TierPlan.from_mapping("kv_tiers", {"tiers": listed, "kv_bytes_per_token": 1000, **rules})
    return Cluster((one,) * 2, "affine", BLOCK, kv_tiers=KvTiers(plan, (4000.0,) * 2, (1,) * 2))


def run_of(serving: Cluster, **policies: Any) -> Simulation:
    return Simulation(REQUESTS, bind_run(serving, policies)).run()


def assert_equal(one: Simulation, other: Simulation) -> None:
    """Down to what lies on every device."""
    assert_same(outcome(one), outcome(other))
    assert one.state.tiers.devices.tobytes() == other.state.tiers.devices.tobytes()
    check_tier_laws(one.settings, one.state)


@pytest.mark.parametrize("configured", WRITING)
@pytest.mark.parametrize("name", WRITING)
def test_a_policy_of_writing_replaces_what_the_cluster_says(name: str, configured: str) -> None:
    assert_equal(run_of(cluster(**WRITING[configured]), tier_writing=name), run_of(cluster(**WRITING[name])))


def test_the_rules_differ() -> None:
    written = {name: run_of(cluster(), tier_writing=name).state.tiers.devices.tobytes() for name in WRITING}

    assert len(set(written.values())) == len(WRITING)


@pytest.mark.parametrize(
    ("policy", "evictions"),
    [
        ("lru", ("lru", "lru")),
        ("arc", ("arc", "arc")),
        ({"policy": "by-tier", "tier_1": 0, "tier_2": 1}, ("lru", "arc")),
        ("by-tier", ("arc", "lru")),
    ],
)
def test_a_policy_of_eviction_replaces_what_the_cluster_says_of_each_tier(
    policy: Any, evictions: tuple[str, str]
) -> None:
    run = run_of(cluster(("arc", "lru")), tier_eviction=policy)

    assert_equal(run, run_of(cluster(evictions)))
    assert run.state.tiers.devices.learns.tolist() == [int(one == "arc") for one in evictions for _ in range(2)]


def test_arrays_that_a_run_has_left_keep_none_of_its_rules() -> None:
    laid_out = prepare_cluster(cluster())
    stage = Stage(REQUESTS, laid_out)

    def next_run(**policies: Any) -> Simulation:
        return Simulation.on(stage, prepared_run(laid_out, prepare_policies(policies))).run()

    for policies in ({"tier_eviction": "arc", "tier_writing": "exclusive"}, {}, {"tier_eviction": "by-tier"}):
        run = next_run(**policies)
        assert_equal(run, run_of(cluster(), **policies))
        run.leave()


def test_functions_of_ones_own_see_what_the_cluster_says() -> None:
    def evicts(view: Any, params: Any, memory: Any) -> int:
        return ARC if view.tier == view.n_tiers - 1 and view.is_shared and view.configured == LRU else LRU

    def writes(view: Any, params: Any, memory: Any) -> int:
        return BACK if view.capacity_blocks == 84 else view.configured

    run = run_of(cluster(), tier_eviction=evicts, tier_writing=numba.njit(writes))

    assert_equal(run, run_of(cluster(("lru", "arc"), write="back")))


def test_what_is_no_rule_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"tier_writing: .* must answer with one of 0 \(through\), .*; got 7"):
        run_of(cluster(), tier_writing=lambda view, params, memory: 7)


def test_nobody_is_asked_where_there_are_no_tiers() -> None:
    one = Instance(kv_blocks=200, max_running_requests=6, step_token_budget=32, latency=LATENCY)
    without = Cluster((one,) * 2, "affine", BLOCK)

    runs = [
        outcome(Simulation(REQUESTS, bind_run(without, policies)).run())
        for policies in ({}, {"tier_writing": "back", "tier_eviction": "arc"})
    ]

    assert_same(*runs)
