"""Rollouts are exact: the same choice changes nothing, and another choice is what a fork by hand would give."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from blis.cluster.instances import Cluster, Instance
from blis.cluster.latency import affine
from blis.engine.rollout import ADMISSION_DECISION, ROUTING_DECISION, new_plan
from blis.explaining.counterfactual.rollout import planned, rollouts, try_plan
from blis.explaining.counterfactual.sampling import Sampling, stratified
from blis.foundation.errors import ConfigError
from blis.policies.binding import bind
from blis.prepare import bind_run, prepare
from blis.scenario import Scenario
from blis.simulate import Simulation
from blis.workload.prefixes.keys import keys_of_groups
from blis.workload.table import requests_of
from tests.policies.compiled_blind import in_turn

CLUSTER = {"instances": 3, "model": "meta-llama/llama-3.1-8b-instruct", "hardware": "H100", "tensor_parallel": 2}
PLAIN = {"kind": "distribution", "rate": 40, "num_requests": 400}
PREFIXES = PLAIN | {"prefix_groups": 20, "prefix_tokens": 1024}
ADAPTERS = {"": 1, "a": 4, "b": 3, "c": 2, "d": 1}
LORA = {
    "max_loras": 2, "max_cpu_loras": 3, "host_load_ms": 5, "disk_load_ms": 100, "step_us": 500.0, "adapter_us": 30.0,
    "token_us": 1.5,
}  # fmt: skip

SCENARIOS = {
    "round-robin": (PLAIN, {}, {"routing": "round-robin"}),
    "weighted with prefixes": (PREFIXES, {}, {"routing": "weighted"}),
    "stale signals": (
        PREFIXES, {"snapshot_refresh_us": 50_000, "cache_signal_delay_us": 200_000}, {"routing": "weighted"}
    ),
    "preemptions": (PLAIN, {"kv_blocks": 700, "max_running_requests": 64}, {"routing": "least-loaded"}),
    "prefixes and preemptions": (PREFIXES, {"kv_blocks": 900}, {"routing": "weighted", "scheduling": "sjf"}),
    "drafts": (
        PREFIXES, {"kv_blocks": 900, "speculative": {"draft_tokens": 3, "accepted_tokens": 1.8}},
        {"routing": "weighted"},
    ),
    "token bucket": (
        PLAIN, {}, {"admission": {"policy": "token-bucket", "capacity_tokens": 20000, "refill_tokens_per_s": 9000}}
    ),
    "changing order": (
        PLAIN, {"max_running_requests": 8},
        {"scheduling": "priority-fcfs", "priority": {"policy": "program", "formula": "age_us input_tokens div"}},
    ),
    "fair shares": (
        PREFIXES | {"tenants": {"front": 3, "back": 1}}, {"kv_blocks": 900, "max_running_requests": 16},
        {"routing": "least-loaded", "scheduling": "vtc"},
    ),
    "predicted lengths": (
        PLAIN | {"tenants": {"front": 3, "back": 1}}, {"max_running_requests": 8},
        {"routing": "round-robin", "scheduling": "predicted-sjf"},
    ),
    "slack": (
        PREFIXES, {"kv_blocks": 900, "max_running_requests": 16},
        {"routing": "weighted", "scheduling": "priority-fcfs", "priority": "slack", "preemption": "lowest-priority"},
    ),
    "a fleet": (
        PREFIXES,
        {
            "autoscaling": {"maximum": 5, "tick_s": 0.5, "load_s": 1.5, "drain": "hand-back"},
            "failures": [{"at_s": 3, "instance": 1, "recovers_after_s": 1}, {"at_s": 6, "instance": 0}],
        },
        {"routing": "weighted", "scaling": {"policy": "queue-depth", "target_requests": 12, "down_window_s": 1}},
    ),
    "a closed loop on a fleet": (
        {"kind": "spec", "path": "docs/examples/closed_loop.yaml"},
        {
            "instances": 4,
            "autoscaling": {"minimum": 4, "maximum": 6, "tick_s": 0.5, "load_s": 1},
            "failures": [{"at_s": 2, "instance": 0, "requests": "lose"}],
        },
        {"routing": "least-loaded", "scaling": {"policy": "oscillator", "ticks": 2}},
    ),
    "adapters, round-robin": (
        PLAIN | {"adapters": ADAPTERS}, {"lora": LORA, "kv_blocks": 900}, {"routing": "round-robin"}
    ),
    "adapters, by affinity": (
        PREFIXES | {"adapters": ADAPTERS}, {"lora": LORA, "snapshot_refresh_us": 50_000},
        {"routing": {"policy": "weighted", "scorers": "lora-affinity:1,queue-depth:1"}},
    ),
    "closed loop": ({"kind": "spec", "path": "docs/examples/closed_loop.yaml"}, {}, {"routing": "least-loaded"}),
    "closed loop, by what the router keeps": (
        {"kind": "spec", "path": "docs/examples/closed_loop.yaml"}, {},
        {"routing": {"policy": "weighted", "picker": "weighted-random",
                     "scorers": "session-affinity:1,token-load:1,predicted-latency:1,latency-slack:1"}},
    ),
    "what the router keeps, two steps under way": (
        PREFIXES, {"kv_blocks": 900, "async_scheduling": True},
        {"routing": {"policy": "sticky-until-saturated", "most_extra_tokens": 2000.0}},
    ),
    "round-robin, crowded": (
        PREFIXES | {"slo_classes": {"critical": 1, "batch": 1}}, {"kv_blocks": 900},
        {"routing": "round-robin", "scheduling": "priority-fcfs", "priority": "slo-class",
         "preemption": "lowest-priority"},
    ),
    "round-robin, two steps under way": (
        PLAIN, {"kv_blocks": 700, "async_scheduling": True}, {"routing": "round-robin"}
    ),
    "round-robin, blocks that come back": (PREFIXES, {"kv_blocks": 900}, {"routing": "round-robin", "eviction": "arc"}),
    "blocks by how often they are used": (
        PREFIXES, {"kv_blocks": 900, "async_scheduling": True}, {"routing": "weighted", "eviction": "tiny-lfu"}
    ),
    "blocks by their next use": (PREFIXES, {"kv_blocks": 900}, {"routing": "weighted", "eviction": "belady"}),
    "tiers beneath": (
        PREFIXES, {"kv_blocks": 900, "kv_tiers": {"tiers": [{"device": "cpu-pcie5", "capacity_gb": 2}]}},
        {"routing": {"policy": "weighted", "scorers": "tiered-prefix:2,queue-depth:1"}, "tiering": "break-even"},
    ),
    "a shared tier, in turn": (
        PREFIXES,
        {"kv_blocks": 900, "kv_tiers": {
            "write": "back", "placement": "exclusive", "load": "step",
            "tiers": [{"device": "cpu-pcie5", "capacity_gb": 1, "eviction": "arc"},
                      {"device": "rdma", "capacity_gb": 8, "shared": True}],
        }},
        {"routing": "round-robin"},
    ),
    "victims that keep their blocks": (
        PREFIXES, {"kv_blocks": 700, "swap": {"device": "cpu-pcie5", "capacity_gb": 1}},
        {"routing": "weighted", "preemption_mode": "break-even"},
    ),
    "in turn, victims that wait for their blocks": (
        PLAIN, {"kv_blocks": 700, "swap": {"copies": "beside"}},
        {"routing": "round-robin", "preemption_mode": "swap"},
    ),
    "clients that give up": (PREFIXES, {"kv_blocks": 900, "request_timeout_s": 2}, {"routing": "round-robin"}),
    "pictures encoded apart": (
        {"kind": "spec", "path": "docs/examples/multimodal.yaml"},
        {
            "instances": [{"count": 3, "role": "both"}, {"count": 2, "role": "encode"}],
            "encoder": {"us_per_token": 60, "transfer": {"bandwidth_gb_per_s": 1}}, "kv_blocks": 2000,
        },
        {"routing": "least-loaded", "encoding": "queue-threshold", "encode_routing": "round-robin"},
    ),
    "in turn, by where the last ones went": (PLAIN, {"kv_blocks": 900}, {"routing": in_turn}),
    "slow door": (PLAIN, {"admission_latency_us": 2_000, "routing_latency_us": 3_000}, {"routing": "prefix-affinity"}),
}  # fmt: skip


def start_of(name: str):
    workload, cluster, policies = SCENARIOS[name]
    scenario = Scenario.from_mapping({"cluster": CLUSTER | cluster, "workload": workload, "policies": policies})
    return partial(Simulation, scenario.requests(7), prepare(scenario))


@pytest.fixture(params=SCENARIOS, scope="module")
def finished(request):
    return start_of(request.param)(trace="summary").run()


def test_choosing_the_same_changes_nothing(finished):
    plan = planned(finished, Sampling(60, 60), seed=3)
    trace = finished.state.trace
    verdict_of = dict(zip(trace.admissions.request.tolist(), trace.admissions.verdict.tolist(), strict=True))
    for row in plan:
        is_routing = row.kind == ROUTING_DECISION
        row.forced = trace.routings.instance[row.place] if is_routing else verdict_of[int(row.place)]
    tried = try_plan(finished, plan, Sampling(horizon_s=5.0))
    assert len(tried) == len(plan)
    for column in ("ttft_us", "e2e_us"):
        assert np.array_equal(tried[column], tried[f"real_{column}"])
    for column in ("others_ttft_us", "others_e2e_us", "others_gained", "others_lost"):
        assert not tried[column].any()
    assert tried.others_completed.sum() > 0


def test_who_gave_up_in_one_future_has_not_given_up_in_the_next(monkeypatch):
    """Found by the fuzzer: all seemed to be over, so that no machine failed any more, and one request was served."""
    monkeypatch.setattr("os.cpu_count", lambda: 1)  # one future after the other
    tokens, outputs = np.array([80, 33]), np.array([6, 0])
    requests = requests_of(
        arrival_us=np.array([0, 1]),
        input_tokens=tokens,
        output_tokens=outputs,
        keys=keys_of_groups(tokens, outputs, np.array([-1, -1]), np.zeros(2, np.int64), 16),
        block_size_tokens=16,
    )
    failures = [{"instance": one, "at_s": at_s, "recovers_after_s": 160e-6} for at_s, one in ((12e-6, 0), (24e-6, 2))]
    cluster = {
        "instances": 3, "kv_blocks": 1000,
        "latency": {"kind": "affine", "alpha_us": [0, 0, 0], "beta_us": [100, 10, 5]}, "routing_latency_us": 40,
        "request_timeout_s": 40e-6, "failures": failures,
    }  # fmt: skip
    workload = {"kind": "distribution", "num_requests": 1}
    scenario = Scenario.from_mapping({"cluster": cluster, "workload": workload, "policies": {"routing": "round-robin"}})
    finished = Simulation(requests, prepare(scenario), trace="summary").run()
    assert (finished.state.requests.first_token_us < 0).all()

    tried = try_plan(finished, new_plan([1, 1], [0, 1], 0), Sampling(horizon_s=0.001))

    assert tried.clock_us.tolist() == [0, 1]
    assert tried.ttft_us.tolist() == [-1, -1]


def test_another_choice_is_what_a_fork_by_hand_gives(finished):
    plan = planned(finished, Sampling(12, 0), seed=5)
    tried = try_plan(finished, plan, Sampling(alternatives=2))
    assert len(tried) == 2 * len(plan)
    for row in tried[::5]:
        base = Simulation(finished.requests, finished.prepared, record_routing=True)
        routings = finished.state.trace.routings
        here = (routings.request == row.request) & (routings.clock_us == row.clock_us)
        base.stop_at_routing(int(np.flatnonzero(here)[0]))
        assert not base.advance(2**61)
        assert base.decision == row.chosen
        fork = base.fork()
        fork.decision = int(row.alternative)
        fork.run()
        requests = fork.state.requests
        for found_us, at_us in ((row.ttft_us, requests.first_token_us), (row.e2e_us, requests.finished_us)):
            is_missing = at_us[row.request] < 0  # its client gave up before
            assert found_us == (-1 if is_missing else at_us[row.request] - requests.arrival_us[row.request])
        real = finished.state.requests
        begun = (requests.finished_us >= 0) & (requests.finished_us <= row.until_us)
        begun &= (real.finished_us >= 0) & (real.finished_us <= row.until_us)
        begun[row.request] = False
        since_us = int(row.clock_us)
        # in a closed loop arrivals move too, so it is the times since arrival that compare
        change_us = (requests.finished_us - requests.arrival_us) - (real.finished_us - real.arrival_us)
        changed = change_us[begun & (requests.finished_us > since_us)]
        assert row.others_e2e_us == changed.sum()


def test_what_had_ended_before_the_decision_is_no_other(finished):
    real = finished.state.requests
    for row in rollouts(finished, Sampling(12, 6), seed=5):
        could = (real.finished_us > row.clock_us) & (real.finished_us <= row.until_us)
        assert row.others_completed <= could.sum()


def test_rejecting_and_admitting_are_tried(finished):
    tried = rollouts(finished, Sampling(0, 40), seed=1)
    assert (tried.kind == ADMISSION_DECISION).all()
    refused = tried.chosen != 0
    assert (tried.alternative[refused] == 0).all()
    assert (tried.ttft_us[refused] >= 0).all()
    assert (tried.real_ttft_us[refused] < 0).all()
    assert (tried.ttft_us[~refused] < 0).all()


def test_the_sample_does_not_depend_on_threads_and_is_the_same_again(finished):
    one = rollouts(finished, Sampling(20, 5), seed=2)
    two = rollouts(finished, Sampling(20, 5), seed=2)
    assert one.tobytes() == two.tobytes()
    part = try_plan(finished, planned(finished, Sampling(20, 5), seed=2)[3:4], Sampling())
    assert part[0].tobytes() in {row.tobytes() for row in one}


def test_running_only_what_differs_gives_what_running_all_gives(finished):
    policies = finished.prepared.prepared_policies
    everywhere = replace(policies, settings={**policies.settings, "effects_are_local": False})
    whole = start_of_prepared(finished, replace(finished.prepared, prepared_policies=everywhere))

    sampling = Sampling(40, 3, alternatives=2)

    assert rollouts(finished, sampling, seed=6).tobytes() == rollouts(whole, sampling, seed=6).tobytes()


def start_of_prepared(finished, prepared):
    return Simulation(finished.requests, prepared, seed=finished.seed, trace="summary").run()


LEAST = "def least(view, request, params, memory, scores):\n    return int(view.effective_load.argmin())\n"


def test_python_policies_are_tried_too(tmp_path, monkeypatch):
    (tmp_path / "my_least_loaded.py").write_text(LEAST)
    monkeypatch.syspath_prepend(tmp_path)
    start = start_of("round-robin")
    found = []
    for routing in ("least-loaded", "my_least_loaded:least"):
        requests, prepared = start.args
        routed = bind("routing", "routing", routing, allow_python=True)
        cluster = replace(prepared.cluster, router_ties="lowest-index")  # as argmin decides them
        run = bind_run(cluster, {**prepared.policies, "routing": routed})
        found.append(rollouts(Simulation(requests, run, trace="summary").run(), Sampling(10, 4), seed=9))
    assert found[0].tobytes() == found[1].tobytes()


def test_one_instance_has_no_other_place():
    scenario = Scenario.from_mapping({"cluster": CLUSTER | {"instances": 1}, "workload": PLAIN})
    finished = Simulation(scenario.requests(1), prepare(scenario), trace="summary").run()
    tried = rollouts(finished, Sampling(20, 0), seed=1)
    assert len(tried) == 0


def test_a_run_without_a_trace_is_refused():
    start = start_of("round-robin")
    with pytest.raises(ConfigError, match="traced"):
        planned(start().run(), Sampling(), seed=1)


def test_strata_are_all_hit():
    ranks = stratified(1000, 50, 4, "routing")
    assert np.array_equal(ranks // 20, np.arange(50))
    assert np.array_equal(stratified(3, 50, 4, "routing"), np.arange(3))
    assert len(stratified(0, 50, 4, "routing")) == len(stratified(50, 0, 4, "routing")) == 0
    assert (np.diff(stratified(262, 60, 4, "routing")) > 0).all()
    assert not np.array_equal(ranks, stratified(1000, 50, 5, "routing"))


def test_a_plan_of_nothing_gives_nothing():
    start = start_of("round-robin")
    assert len(try_plan(start(trace="summary").run(), new_plan([], []), Sampling())) == 0


@pytest.mark.parametrize(
    ("given", "field"),
    [({"decisions": -1}, "decisions"), ({"alternatives": 0}, "alternatives"),
     ({"horizon_s": float("nan")}, "horizon_s"), ({"admissions": 1.5}, "admissions"), ({"decision": 5}, "decisions")],
)  # fmt: skip
def test_wrong_sampling_is_named(given, field):
    with pytest.raises(ConfigError, match=field):
        Sampling.from_mapping("counterfactual", given)


def test_a_request_in_its_last_step_at_the_decision_is_another_that_completes_after_it():
    # A step of 100 + 10 begins at 0 and completes the first request; the second is decided on at 50.
    latency = affine.prepare(affine.Params(alpha_us=(0, 0, 0), beta_us=(100, 10, 0)), None, None, 1)
    cluster = Cluster((Instance(9, 8, 64, latency),) * 2, "affine", 4)
    none = np.full(2, -1)
    prompt, output = np.array([1, 1]), np.array([1, 1])
    requests = requests_of(
        arrival_us=np.array([0, 50]), input_tokens=prompt, output_tokens=output,
        keys=keys_of_groups(prompt, output, none, none * 0, 4), block_size_tokens=4,
    )  # fmt: skip
    finished = Simulation(requests, bind_run(cluster), trace="summary").run()
    (row,) = try_plan(finished, new_plan([ROUTING_DECISION], [1]), Sampling())
    assert (row.request, row.clock_us) == (1, 50)
    assert (row.others_begun, row.others_completed) == (1, 1)
