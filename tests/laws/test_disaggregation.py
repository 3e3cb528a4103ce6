"""Whatever divides requests and whatever fails: nobody is lost, KV is where it was said to be, causes come first."""

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from blis.engine.codes import (
    ABSENT,
    COMPLETED,
    DROPPED,
    FAILED,
    LOADING,
    LOST,
    RECEIVED,
    TIMED_OUT,
    TRANSFERRING,
    UNROUTABLE,
)
from blis.engine.laws import check_conservation, check_laws
from blis.foundation.answers import choices
from blis.foundation.roles import BITS, DECODE, PREFILL
from blis.outcome import outcome
from blis.prepare import prepare
from blis.scenario import Scenario
from blis.simulate import Simulation
from tests.laws.test_simulation_is_a_value import BLOCK, assert_same, random_requests

MILLISECOND = 0.001
ROUTINGS = ["least-loaded", "round-robin", "weighted", "dynamo-kv", "prefix-affinity", "sticky-until-saturated"]
DECIDERS = [
    *({"policy": name} for name in choices("disaggregation")),
    {"policy": "always"},
    {"policy": "prefix-threshold", "tokens": 8},
    {"policy": "conditional", "mode": "isl-or-load", "new_tokens": 8, "new_share": 1.0, "decode_busy_veto": "on"},
    {"policy": "load-based", "decode_floor": 0.0, "least_tokens": 1.0},
    {"policy": "drift-plus-penalty", "v": 0.0, "slots_weight": 50.0},
]


@st.composite
def fleets(draw: st.DrawFn, may_change: bool = True) -> dict[str, Any]:
    """Two or three pools with roles of their own, small caches, and, maybe, instances that die, come and go."""
    roles = draw(
        st.sampled_from([("prefill", "decode"), ("both", "both"), ("prefill", "both"), ("prefill", "decode", "both")])
    )
    pools = [{"count": draw(st.integers(1, 2)), "role": role} for role in roles]
    n_instances = sum(pool["count"] for pool in pools)
    one_failure = st.fixed_dictionaries(
        {
            "at_s": st.floats(0, 8).map(lambda at: round(at, 2) * MILLISECOND),
            "instance": st.integers(0, n_instances - 1),
            "recovers_after_s": st.one_of(st.none(), st.just(0.5 * MILLISECOND)),
            "requests": st.sampled_from(["retry", "retry", "lose"]),
        }
    )
    made: dict[str, Any] = {
        "instances": pools,
        "hardware": "H100",
        "tensor_parallel": 1,
        "latency": {"kind": "affine", "alpha_us": [50, 1.5, 7], "beta_us": [100, 10, 5]},
        "kv_blocks": draw(st.sampled_from([18, 24, 60])),
        "block_size_tokens": BLOCK,
        "max_running_requests": draw(st.sampled_from([2, 6])),
        "step_token_budget": 32,
        "async_scheduling": draw(st.booleans()),
        "reserve_full_isl": draw(st.booleans()),
        "snapshot_refresh_us": draw(st.sampled_from([0, 300])),
        "cache_signal_delay_us": draw(st.sampled_from([0, 500])),
        "routing_latency_us": draw(st.sampled_from([0, 40])),
        "disaggregation": {
            "decode_first": draw(st.booleans()),
            "transfer": {
                "bandwidth_gb_per_s": draw(st.sampled_from([0.1, 1.0, 25.0])),
                "base_latency_us": draw(st.sampled_from([0, 50, 700])),
                "contention": draw(st.sampled_from(["none", "fair-share"])),
                "overlap": "none",
                "kv_bytes_per_token": 1000,
            },
        },
    }
    if may_change:
        made["failures"] = draw(st.lists(one_failure, max_size=3))
        if draw(st.booleans()):
            made["gateway"] = {"capacity_requests": draw(st.sampled_from([5, 50])), "request_timeout_s": 0.004}
        if draw(st.booleans()):
            made["autoscaling"] = {
                "minimum": 1,
                "maximum": 3,
                "tick_s": 0.3 * MILLISECOND,
                "load_s": 0.2 * MILLISECOND,
                "drain": draw(st.sampled_from(["finish", "hand-back"])),
            }
    return made


def policies(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "disaggregation": draw(st.sampled_from(DECIDERS)),
        "routing": draw(st.sampled_from(ROUTINGS)),
        "prefill_routing": draw(st.sampled_from(["same-as-routing", *ROUTINGS])),
        "scheduling": draw(st.sampled_from(["fcfs", "sjf", "priority-fcfs", "vtc"])),
        "eviction": draw(st.sampled_from(["lru", "lru", "arc", "lfu"])),
        "scaling": draw(st.sampled_from(["fixed", "queue-depth", "oscillator"])),
        "saturation": {"policy": "concurrency", "max_concurrency": 4},
        "priority": "linear",
    }


def simulation(cluster: dict[str, Any], chosen: dict[str, Any], seed: int, **options: Any) -> Simulation:
    made = Scenario.from_mapping(
        {"cluster": cluster, "workload": {"kind": "distribution"}, "policies": chosen, "semantics": "corrected"}
    )
    return Simulation(random_requests(seed), prepare(made), seed=seed, **options)


def check_parts(run: Simulation) -> None:
    """Who has a role does nothing else, and nobody is promised, counted or waited for in vain."""
    instances, requests, legs = run.state.instances, run.state.requests, run.state.transfers.legs
    assert instances.outgoing_requests.sum() <= (legs.phase == TRANSFERRING).sum()
    for field in ("promised_requests", "prefill_legs", "outgoing_requests", "awaiting_kv_requests"):
        assert (instances[field] >= 0).all(), field
    gone = np.isin(instances.lifecycle, [ABSENT, LOADING, FAILED])
    assert (instances.used_blocks[gone] == 0).all()
    moved = np.isin(legs.phase, [TRANSFERRING, RECEIVED])
    assert (legs.started_us[moved] >= legs.prefilled_us[moved]).all()
    assert (legs.arrives_us[moved] > legs.started_us[moved]).all()
    begun = moved & (requests.first_token_us >= 0)
    assert (requests.first_token_us[begun] > legs.arrives_us[begun]).all()
    assert (legs.prefill_instance[moved] != requests.instance[moved]).all()
    kinds = run.prepared.limits.roles
    assert (kinds[legs.prefill_instance[moved]] & PREFILL > 0).all()
    assert (kinds[requests.instance[moved]] & DECODE > 0).all()
    only_prefill = kinds == BITS["prefill"]
    assert (instances.decode_requests[only_prefill] == 0).all()
    assert (instances.completed_requests[only_prefill] == 0).all()


@settings(max_examples=120, deadline=None, derandomize=True)
@given(data=st.data(), cluster=fleets(), seed=st.integers(0, 1000), traced=st.booleans())
def test_requests_and_blocks_are_conserved(
    data: st.DataObject, cluster: dict[str, Any], seed: int, traced: bool
) -> None:
    run = simulation(cluster, policies(data.draw), seed, trace="decisions" if traced else "none")

    for until_us in range(500, 12_000, 500):
        run.advance(until_us)
        check_conservation(run.state)
        check_laws(run.workload, run.prepared.limits, run.state)
        check_parts(run)
    run.run()
    done = outcome(run)

    assert run.is_over
    ends = {COMPLETED, DROPPED, LOST, UNROUTABLE, TIMED_OUT, 8, 9, 10}
    assert set(done.requests.status.tolist()) <= ends
    completed = done.requests.status == COMPLETED
    tokens = run.workload.table.output_tokens[completed]
    assert int(done.interval_tokens.sum()) == int(np.maximum(tokens - 1, 0).sum())
    assert (done.requests.e2e_us[completed] >= done.requests.ttft_us[completed]).all()
    state = run.state.instances
    for field in ("promised_requests", "prefill_legs", "outgoing_requests", "in_flight_requests"):
        assert (state[field] == 0).all(), field
    assert (state.used_blocks == 0).all()


@settings(max_examples=40, deadline=None, derandomize=True)
@given(data=st.data(), cluster=fleets(), seed=st.integers(0, 1000), slice_us=st.integers(300, 3_000))
def test_slices_and_copies_change_nothing(
    data: st.DataObject, cluster: dict[str, Any], seed: int, slice_us: int
) -> None:
    chosen = policies(data.draw)
    whole = outcome(simulation(cluster, chosen, seed).run())

    sliced = simulation(cluster, chosen, seed)
    for until_us in range(0, 12_000, slice_us):
        sliced.advance(until_us)
        sliced = sliced.fork()

    assert_same(whole, outcome(sliced.run()))


@settings(max_examples=30, deadline=None, derandomize=True)
@given(data=st.data(), cluster=fleets(), seed=st.integers(0, 1000))
def test_who_never_divides_gives_what_the_fleet_gives_that_cannot(
    data: st.DataObject, cluster: dict[str, Any], seed: int
) -> None:
    chosen = policies(data.draw) | {"disaggregation": "never"}
    never = simulation(cluster, chosen, seed, trace="decisions")

    undivided = {key: value for key, value in cluster.items() if key != "disaggregation"}
    plain = simulation(undivided, chosen, seed, trace="decisions")

    assert_same(outcome(plain.run()), outcome(never.run()))
