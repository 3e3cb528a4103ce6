"""Whatever lies beneath the GPUs: no block is lost or in more places than it may be, and a simulation stays a value."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blis.cluster.failures import Failure
from blis.cluster.fleet_plan import Fleet, fleet_pools
from blis.cluster.instances import Cluster, Instance
from blis.cluster.kv_tiers import KvTiers, TierPlan
from blis.engine.laws import check_laws
from blis.engine.tier_laws import check_tier_laws
from blis.foundation.answers import choices
from blis.foundation.errors import LawBrokenError
from blis.outcome import outcome
from blis.prepare import bind_run
from blis.simulate import Simulation
from tests.laws.test_runs_of_blocks import BLOCK, LATENCY, conversations
from tests.laws.test_simulation_is_a_value import assert_same

ROUTING = {"policy": "weighted", "scorers": "tiered-prefix:3,queue-depth:1"}
CPU = {"device": "cpu-pcie5", "capacity_blocks": 20}
DISK = {"read_gb_per_s": 0.2, "write_gb_per_s": 0.1, "base_latency_us": 30, "capacity_blocks": 40}
CHAINS: dict[str, list[dict[str, Any]]] = {
    "one": [CPU],
    "chain": [CPU, DISK | {"eviction": "arc"}],
    "learning": [CPU | {"eviction": "arc"}, DISK],
    "shared": [CPU, DISK | {"shared": True}],
    "shared alone": [DISK | {"shared": True, "eviction": "arc"}],
    "tiny": [CPU | {"capacity_blocks": 1}, DISK | {"capacity_blocks": 2}],
}
RULES: dict[str, dict[str, Any]] = {
    "through": {},
    "prompts": {"prompt_only": True, "load": "step"},
    "back": {"write": "back"},
    "exclusive": {"write": "back", "placement": "exclusive"},
    "exclusive step": {"write": "back", "placement": "exclusive", "load": "step"},
}


def run_of(
    seed: int,
    chain: str | None,
    rules: str = "through",
    policies: dict[str, Any] | None = None,
    failures: tuple[Failure, ...] = (),
    **limits: Any,
) -> Simulation:
    """Conversations on two instances that are short of memory."""
    requests = conversations(seed)
    longest = int((requests.input_tokens + requests.output_tokens).max())
    one = Instance(
        kv_blocks=longest // BLOCK + 8, max_running_requests=6, step_token_budget=32, latency=LATENCY, **limits
    )
    beneath = None
    if chain is not None:
        plan = TierPlan.from_mapping("kv_tiers", {"tiers": CHAINS[chain], "kv_bytes_per_token": 1000, **RULES[rules]})
        beneath = KvTiers(plan, (4000.0,) * 2, (1,) * 2)
    fleet = Fleet(fleet_pools([2], None, [0.0]), None, failures) if failures else None
    cluster = Cluster((one,) * 2, "affine", BLOCK, kv_tiers=beneath, fleet=fleet)
    return Simulation(requests, bind_run(cluster, {"routing": ROUTING, **(policies or {})}))


def check(run: Simulation) -> None:
    check_laws(run.workload, run.prepared.limits, run.state)
    check_tier_laws(run.settings, run.state)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10_000),
    chain=st.sampled_from(sorted(CHAINS)),
    rules=st.sampled_from(sorted(RULES)),
    tiering=st.sampled_from(choices("tiering")),
    tier_eviction=st.sampled_from(choices("tier_eviction")),
    tier_writing=st.sampled_from(choices("tier_writing")),
    eviction=st.sampled_from(choices("eviction")),
    ahead=st.booleans(),
    dies_at_s=st.sampled_from([None, 0.004, 0.011]),
)
def test_no_block_is_lost_and_none_lies_where_it_may_not(
    seed: int,
    chain: str,
    rules: str,
    tiering: str,
    tier_eviction: str,
    tier_writing: str,
    eviction: str,
    ahead: bool,
    dies_at_s: float | None,
) -> None:
    failures = () if dies_at_s is None else (Failure(dies_at_s, 1, 0.002),)
    policies = {"tiering": tiering, "eviction": eviction, "tier_eviction": tier_eviction, "tier_writing": tier_writing}
    run = run_of(seed, chain, rules, policies, failures, async_scheduling=ahead)
    for until_us in range(400, 40_000, 1_200):
        run.advance(until_us)
        check(run)

    result = outcome(run.run())
    check(run)
    assert result.instances.completed_requests.sum() == len(run.requests)
    assert run.state.instances.used_blocks.tolist() == [0, 0]
    assert run.state.instances.awaiting_kv_requests.tolist() == [0, 0]


@pytest.mark.parametrize("chain", CHAINS)
@pytest.mark.parametrize("rules", RULES)
def test_loads_save_work(chain: str, rules: str) -> None:
    saved = [
        int(outcome(run_of(seed, chain, rules, {"tiering": tiering}).run()).requests.computed_tokens.sum())
        for tiering in ("never", "always")
        for seed in range(4)
    ]
    assert chain == "tiny" or sum(saved[4:]) < sum(saved[:4])


@pytest.mark.parametrize("chain", CHAINS)
@pytest.mark.parametrize("rules", RULES)
def test_tiers_that_nobody_loads_from_change_nothing(chain: str, rules: str) -> None:
    without = outcome(run_of(3, None).run())
    unused = outcome(run_of(3, chain, rules, {"tiering": "never", "routing": ROUTING}).run())
    seen = outcome(run_of(3, None, policies={"routing": "round-robin"}).run())
    unseen = outcome(run_of(3, chain, rules, {"tiering": "never", "routing": "round-robin"}).run())

    assert_same(seen, unseen)
    assert len(without.requests.status) == len(unused.requests.status)


@pytest.mark.parametrize("chain", ["chain", "shared"])
@pytest.mark.parametrize("rules", RULES)
def test_a_copy_goes_on_as_the_original_does(chain: str, rules: str) -> None:
    whole = outcome(run_of(5, chain, rules).run())
    run = run_of(5, chain, rules)
    run.advance(6_000)
    copy = run.fork()
    run.advance(9_000)

    assert_same(outcome(copy.run()), whole)
    assert_same(outcome(run.run()), whole)
    for name in ("devices", "channels"):
        assert getattr(copy.state.tiers, name).tobytes() == getattr(run.state.tiers, name).tobytes()


@pytest.mark.parametrize("trace", ["summary", "decisions"])
@pytest.mark.parametrize("chain", ["chain", "shared"])
def test_a_trace_changes_nothing(chain: str, trace: str) -> None:
    run = run_of(7, chain)
    plain = Simulation(run.requests, run.prepared, record_routing=True)
    traced = Simulation(run.requests, run.prepared, trace=trace)

    assert_same(outcome(plain.run()), outcome(traced.run()))


def test_a_shared_tier_is_met_in_the_order_of_time() -> None:
    """However often the run is interrupted, the instances touch the shared tier in one order."""
    whole = run_of(2, "shared alone").run()
    parts = run_of(2, "shared alone")
    for until_us in range(100, 30_000, 100):
        parts.advance(until_us)
    parts.run()

    assert_same(outcome(whole), outcome(parts))
    assert whole.state.tiers.devices.tobytes() == parts.state.tiers.devices.tobytes()


def test_a_broken_law_is_said_in_words() -> None:
    run = run_of(1, "one").run()
    run.state.tiers.devices.written_blocks[1] += 1

    with pytest.raises(LawBrokenError, match="written blocks are there or have left: device 1 must have"):
        check_tier_laws(run.settings, run.state)
