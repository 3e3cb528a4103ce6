"""Clients that give up wherever their requests stand: nobody is lost, no block stays held, and a run stays a value."""

import copy
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blis.cluster.instances import Cluster, Instance
from blis.cluster.kv_tiers import KvTiers, TierPlan
from blis.cluster.swap_space import SwapPlan, SwapSpace
from blis.engine.codes import COMPLETED, TIMED_OUT
from blis.engine.laws import check_laws
from blis.engine.swap_laws import check_swap_laws
from blis.foundation.errors import ConfigError
from blis.outcome import outcome
from blis.prepare import bind_run
from blis.simulate import Simulation
from experiments.fuzz.case import Case
from experiments.fuzz.checks import causality, conservation, determinism, forks
from experiments.fuzz.draw import draw_case
from experiments.fuzz.subject import Subject
from tests.laws.test_moving_kv import with_moving_kv
from tests.laws.test_runs_of_blocks import BLOCK, LATENCY, conversations
from tests.laws.test_simulation_is_a_value import assert_same
from tests.laws.test_swapping import with_swap

RULES = (conservation, causality, determinism, forks)
BENEATH = {"read_gb_per_s": 0.02, "write_gb_per_s": 0.1, "base_latency_us": 300, "capacity_blocks": 200}


def run_of(
    seed: int, timeout_us: int | None, also: str = "nothing", policies: dict[str, Any] | None = None, **limits: Any
) -> Simulation:
    """Conversations on two instances that are short of memory and of time."""
    requests = conversations(seed)
    longest = int((requests.input_tokens + requests.output_tokens).max())
    one = Instance(
        kv_blocks=longest // BLOCK + 4, max_running_requests=8, step_token_budget=32, latency=LATENCY, **limits
    )
    tiers, space = None, None
    if also == "tiers":
        plan = TierPlan.from_mapping("kv_tiers", {"tiers": [BENEATH], "kv_bytes_per_token": 1000})
        tiers = KvTiers(plan, (4000.0,) * 2, (1,) * 2)
    elif also != "nothing":
        space = SwapSpace(SwapPlan.from_mapping("swap", BENEATH | {"copies": also}), (4000.0,) * 2, (1,) * 2)
    cluster = Cluster((one,) * 2, "affine", BLOCK, request_timeout_us=timeout_us, kv_tiers=tiers, swap=space)
    mode = {"preemption_mode": "swap" if space else "recompute"}
    return Simulation(requests, bind_run(cluster, mode | (policies or {})))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10_000),
    timeout_us=st.sampled_from([1, 700, 3_000, 9_000]),
    also=st.sampled_from(["nothing", "tiers", "step", "beside"]),
    scheduling=st.sampled_from(["fcfs", "sjf", "priority-fcfs", "las", "vtc"]),
    routing=st.sampled_from(["least-loaded", "round-robin"]),
    ahead=st.booleans(),
)
def test_everybody_ends_and_nothing_stays_held(
    seed: int, timeout_us: int, also: str, scheduling: str, routing: str, ahead: bool
) -> None:
    policies = {"scheduling": scheduling, "routing": routing}
    run = run_of(seed, timeout_us, also, policies, async_scheduling=ahead)
    for until_us in range(400, 30_000, 1_200):
        run.advance(until_us)
        check_laws(run.workload, run.prepared.limits, run.state)
        check_swap_laws(run.state)

    done = outcome(run.run())
    assert set(done.requests.status.tolist()) <= {COMPLETED, TIMED_OUT}
    assert run.state.instances.used_blocks.tolist() == [0, 0]
    assert run.state.instances.in_flight_requests.tolist() == [0, 0]
    assert not run.state.patience.is_waited_for.any()


def test_time_enough_changes_nothing() -> None:
    assert_same(outcome(run_of(3, None).run()), outcome(run_of(3, 10**9).run()))


@pytest.mark.parametrize("also", ["nothing", "tiers", "beside"])
def test_a_copy_goes_on_as_the_original_does(also: str) -> None:
    whole = outcome(run_of(5, 2_000, also).run())
    run = run_of(5, 2_000, also)
    run.advance(4_000)
    branch = run.fork()
    run.advance(7_000)

    assert_same(outcome(branch.run()), whole)
    assert_same(outcome(run.run()), whole)


def with_timeout(case: Case, draw: random.Random) -> Case:
    """The case, or the same with KV that moves, with clients that wait for a short time."""
    if draw.random() < 0.4:
        case = with_moving_kv(case, draw)
    if draw.random() < 0.3:
        case = with_swap(case, draw)
    scenario = copy.deepcopy(dict(case.scenario))
    cluster, workload = dict(scenario["cluster"]), dict(scenario.get("workload") or {})
    gateway = cluster.get("gateway")
    if gateway is not None:
        cluster["gateway"] = {name: value for name, value in gateway.items() if name != "request_timeout_s"}
    cluster["request_timeout_s"] = draw.choice([0.0005, 0.005, 0.05, 0.5])
    if workload and draw.random() < 0.3:
        workload["retries"] = {"attempts": 2, "base_ms": 1, "after_timeout": True}
        scenario["workload"] = workload
    return Case(scenario | {"cluster": cluster}, rows=case.rows)


@pytest.mark.parametrize("seed", [41, 42])
def test_laws_hold_beside_everything_else(seed: int) -> None:
    tried, gave_up = 0, 0
    for number in range(60):
        case = with_timeout(draw_case(seed, number, "compiled"), random.Random(f"{seed}-{number}"))
        try:
            subject = Subject(case)
        except ConfigError:  # what was drawn does not go together
            continue
        tried += 1
        # Of who comes again, the first arrival is known, not that of the attempt whose end others wait for.
        rules = (conservation, determinism, forks) if subject.requests.retries else RULES
        for rule in rules:
            assert list(rule.check(subject)) == [], f"seed {seed}, case {number}: {rule.__name__}"
        gave_up += int((subject.finished.state.requests.status == TIMED_OUT).sum())
    assert tried > 30
    assert gave_up > 0
