"""Whatever a policy decides and whatever fails: no request is lost uncounted, and no GPU is used twice."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blis.engine import codes
from blis.engine.codes import ABSENT, COMPLETED, DROPPED, FAILED, LOADING, LOST, UNROUTABLE, WARM
from blis.engine.laws import check_conservation, check_laws
from blis.foundation.answers import choices
from blis.outcome import Outcome, outcome
from blis.prepare import prepare
from blis.scenario import Scenario
from blis.simulate import Simulation
from tests.laws.test_simulation_is_a_value import BLOCK, assert_same, random_requests

MILLISECOND = 0.001
SCALINGS = [{"policy": name} for name in choices("scaling")]
ROUTINGS = ["least-loaded", "round-robin", "weighted", "dynamo-kv", "sticky-until-saturated", "prefix-affinity"]


@st.composite
def fleets(draw: st.DrawFn) -> dict[str, Any]:
    """A cluster of one or two pools that scales within milliseconds, and some of whose instances die."""
    n_pools = draw(st.integers(1, 2))
    maximum = draw(st.lists(st.integers(1, 4), min_size=n_pools, max_size=n_pools))
    minimum = [draw(st.integers(0 if pool else 1, most)) for pool, most in enumerate(maximum)]
    counts = [draw(st.integers(max(1, least), most)) for least, most in zip(minimum, maximum, strict=True)]
    tick_s = draw(st.sampled_from([0.1, 0.3, 1.0])) * MILLISECOND
    autoscaling = {
        "minimum": minimum,
        "maximum": maximum,
        "tick_s": tick_s,
        "reading_age_s": draw(st.sampled_from([0, 0.5, 1])) * tick_s,
        "actuation_delay_s": draw(st.sampled_from([0, 0.5, 1])) * tick_s,
        "load_s": draw(st.sampled_from([0, 0.2, 1.0])) * MILLISECOND,
        "drain": draw(st.sampled_from(["finish", "hand-back"])),
    }
    if draw(st.booleans()):
        autoscaling["inventory"] = {"H100": draw(st.integers(sum(counts), sum(maximum)))}
    one_failure = st.fixed_dictionaries(
        {
            "at_s": st.floats(0, 8).map(lambda at: round(at, 2) * MILLISECOND),
            "instance": st.integers(0, sum(maximum) - 1),
            "recovers_after_s": st.one_of(st.none(), st.just(0.5 * MILLISECOND)),
            "requests": st.sampled_from(["retry", "retry", "lose"]),
        }
    )
    return {
        "instances": [{"count": count} for count in counts],
        "hardware": "H100",
        "tensor_parallel": 1,
        "latency": {"kind": "affine", "alpha_us": [50, 1.5, 7], "beta_us": [100, 10, 5]},
        "kv_blocks": 24,
        "block_size_tokens": BLOCK,
        "max_running_requests": 6,
        "step_token_budget": 32,
        "snapshot_refresh_us": draw(st.sampled_from([0, 300])),
        "cache_signal_delay_us": draw(st.sampled_from([0, 500])),
        "routing_latency_us": draw(st.sampled_from([0, 40])),
        "autoscaling": autoscaling,
        "failures": draw(st.lists(one_failure, max_size=3)),
    }


def simulation(
    cluster: dict[str, Any], policies: dict[str, Any], seed: int, semantics: str = "corrected"
) -> Simulation:
    made = Scenario.from_mapping(
        {"cluster": cluster, "workload": {"kind": "distribution"}, "policies": policies, "semantics": semantics}
    )
    return Simulation(random_requests(seed), prepare(made), seed=seed, trace="decisions")


def check_fleet(run: Simulation, cluster: dict[str, Any]) -> None:
    """Bounds and GPUs hold, and an instance that is not there has nothing."""
    instances, pools = run.state.instances, run.state.fleet.pools
    present = 0
    for pool in pools:
        own = instances[pool.first_instance : pool.end_instance]
        there = np.isin(own.lifecycle, [LOADING, WARM])
        assert there.sum() <= pool.maximum_instances
        if not cluster["failures"] and run.clock_us > 0:
            assert there.sum() >= min(pool.minimum_instances, pool.initial_instances)
        present += int((own.lifecycle != ABSENT).sum())
    inventory = cluster["autoscaling"].get("inventory", {}).get("H100")
    assert inventory is None or present <= inventory
    for one in instances[np.isin(instances.lifecycle, [ABSENT, LOADING, FAILED])]:
        assert one.in_flight_requests == one.used_blocks == one.queued_requests == one.pending_requests == 0
    assert ((instances.routable == 1) == (instances.lifecycle == WARM)).all()


@settings(max_examples=60, deadline=None)
@given(
    cluster=fleets(),
    scaling=st.sampled_from(SCALINGS),
    routing=st.sampled_from(ROUTINGS),
    scheduling=st.sampled_from(["fcfs", "sjf", "priority-fcfs", "vtc"]),
    seed=st.integers(0, 1000),
    semantics=st.sampled_from(["corrected", "corrected", "reference-2026-04"]),
)
def test_requests_are_conserved(
    cluster: dict[str, Any], scaling: dict[str, Any], routing: str, scheduling: str, seed: int, semantics: str
) -> None:
    policies = {"scaling": scaling, "routing": routing, "scheduling": scheduling, "priority": "linear"}
    run = simulation(cluster, policies, seed, semantics)

    for until_us in range(500, 12_000, 500):
        run.advance(until_us)
        check_conservation(run.state)
        check_laws(run.workload, run.prepared.limits, run.state)
        check_fleet(run, cluster)
    run.run()
    done = outcome(run)

    assert run.is_over
    assert set(done.requests.status) <= {COMPLETED, DROPPED, LOST, UNROUTABLE}
    may_lose = any(failure["requests"] == "lose" for failure in cluster["failures"])
    assert may_lose or not (done.requests.status == LOST).any()
    assert cluster["failures"] or not (done.requests.status == UNROUTABLE).any()
    completed = done.requests.status == COMPLETED
    tokens = run.workload.table.output_tokens[completed]
    assert int(done.interval_tokens.sum()) == int(np.maximum(tokens - 1, 0).sum())
    assert (done.requests.e2e_us[completed] >= done.requests.ttft_us[completed]).all()
    assert done.instances.present_us.max() <= done.end_us


@settings(max_examples=30, deadline=None)
@given(cluster=fleets(), scaling=st.sampled_from(SCALINGS), seed=st.integers(0, 1000), stop_us=st.integers(0, 8_000))
def test_a_fork_goes_on_as_the_run_does(
    cluster: dict[str, Any], scaling: dict[str, Any], seed: int, stop_us: int
) -> None:
    whole = outcome(simulation(cluster, {"scaling": scaling, "routing": "weighted"}, seed).run())
    run = simulation(cluster, {"scaling": scaling, "routing": "weighted"}, seed)

    run.advance(stop_us)
    fork = run.fork()
    run.run()
    fork.run()

    for other in (outcome(run), outcome(fork)):
        _assert_same(whole, other)


def test_who_drains_is_sent_nothing() -> None:
    """The log of routings and that of the fleet agree on who served when."""
    cluster = {
        "instances": 2, "latency": {"kind": "affine", "alpha_us": [50, 1.5, 7], "beta_us": [100, 10, 5]},
        "kv_blocks": 24, "block_size_tokens": BLOCK, "max_running_requests": 6, "step_token_budget": 32,
        "autoscaling": {"maximum": 4, "tick_s": 0.0003, "load_s": 0.0002},
    }  # fmt: skip
    run = simulation(cluster, {"scaling": {"policy": "oscillator", "ticks": 1}, "routing": "round-robin"}, 3)

    done = outcome(run.run())

    serves = np.array([True, True, False, False])
    changes = {codes.BECAME_WARM: True, codes.BEGAN_DRAINING: False, codes.CANCELLED: False}
    log = iter([one for one in done.fleet_events if one.kind in changes])
    change = next(log, None)
    assert done.trace is not None
    for routing in done.trace.routings:
        while change is not None and change.clock_us < routing.clock_us:
            serves[change.instance] = changes[int(change.kind)]
            change = next(log, None)
        assert serves[routing.instance]
    assert done.n_rerouted == 0
    assert (np.bincount(done.fleet_events.kind, minlength=6)[[codes.STARTED, codes.BEGAN_DRAINING]] > 3).all()


@pytest.mark.parametrize("routing", ["least-loaded", "weighted"])
def test_a_fleet_that_never_changes_is_no_fleet(routing: str) -> None:
    """With bounds that leave nothing to decide a run is that of a cluster without scaling, to the microsecond."""
    plain = {
        "instances": 3, "latency": {"kind": "affine", "alpha_us": [50, 1.5, 7], "beta_us": [100, 10, 5]},
        "kv_blocks": 24, "block_size_tokens": BLOCK, "max_running_requests": 6, "step_token_budget": 32,
    }  # fmt: skip
    scaled = plain | {"autoscaling": {"minimum": 3, "maximum": 3, "tick_s": 0.0001, "load_s": 1}}

    one, other = (outcome(simulation(made, {"routing": routing}, 7).run()) for made in (plain, scaled))

    _assert_same(one, other)


def _assert_same(one: Outcome, other: Outcome) -> None:
    assert_same(one, other)
    assert one.end_us == other.end_us
    assert np.array_equal(one.fleet_events, other.fleet_events) or not len(one.fleet_events)
