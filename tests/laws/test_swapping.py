"""Where victims keep their KV: no block is lost, nothing is computed that was kept, and a simulation stays a value."""

import copy
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blis.cluster.failures import Failure
from blis.cluster.fleet_plan import Fleet, fleet_pools
from blis.cluster.instances import Cluster, Instance
from blis.cluster.swap_space import SwapPlan, SwapSpace
from blis.engine.laws import check_laws
from blis.engine.swap_laws import check_swap_laws
from blis.foundation.answers import choices
from blis.foundation.errors import ConfigError, LawBrokenError
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

SPEEDS: dict[str, dict[str, Any]] = {
    "quick": {"device": "cpu-pcie5"},
    "slow": {"read_gb_per_s": 0.02, "write_gb_per_s": 0.01, "base_latency_us": 30},
}
COPIES = ("step", "beside")


def run_of(
    seed: int,
    speed: str | None,
    capacity_blocks: int = 1000,
    copies: str = "step",
    policies: dict[str, Any] | None = None,
    failures: tuple[Failure, ...] = (),
    **limits: Any,
) -> Simulation:
    """Conversations on two instances that are so short of memory that many are preempted."""
    requests = conversations(seed)
    longest = int((requests.input_tokens + requests.output_tokens).max())
    one = Instance(
        kv_blocks=longest // BLOCK + 4, max_running_requests=8, step_token_budget=32, latency=LATENCY, **limits
    )
    space = None
    if speed is not None:
        plan = SwapPlan.from_mapping("swap", SPEEDS[speed] | {"capacity_blocks": capacity_blocks, "copies": copies})
        space = SwapSpace(plan, (4000.0,) * 2, (1,) * 2)
    fleet = Fleet(fleet_pools([2], None, [0.0]), None, failures) if failures else None
    cluster = Cluster((one,) * 2, "affine", BLOCK, swap=space, fleet=fleet)
    return Simulation(requests, bind_run(cluster, {"preemption_mode": "swap"} | (policies or {})))


def check(run: Simulation) -> None:
    check_laws(run.workload, run.prepared.limits, run.state)
    check_swap_laws(run.state)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10_000),
    speed=st.sampled_from(sorted(SPEEDS)),
    capacity_blocks=st.sampled_from([1, 12, 1000]),
    copies=st.sampled_from(COPIES),
    preemption=st.sampled_from(["newest", "lowest-priority"]),
    mode=st.sampled_from(choices("preemption_mode")),
    scheduling=st.sampled_from(["fcfs", "sjf", "las"]),
    eviction=st.sampled_from(["lru", "arc"]),
    ahead=st.booleans(),
    dies_at_s=st.sampled_from([None, 0.004, 0.011]),
)
def test_no_block_is_lost_and_everybody_ends(
    seed: int,
    speed: str,
    capacity_blocks: int,
    copies: str,
    preemption: str,
    mode: str,
    scheduling: str,
    eviction: str,
    ahead: bool,
    dies_at_s: float | None,
) -> None:
    failures = () if dies_at_s is None else (Failure(dies_at_s, 1, 0.002),)
    policies = {"preemption": preemption, "preemption_mode": mode, "scheduling": scheduling, "eviction": eviction}
    run = run_of(seed, speed, capacity_blocks, copies, policies, failures, async_scheduling=ahead)
    for until_us in range(400, 40_000, 1_200):
        run.advance(until_us)
        check(run)

    result = outcome(run.run())
    check(run)
    assert result.instances.completed_requests.sum() == len(run.requests)
    assert run.state.instances.used_blocks.tolist() == [0, 0]
    assert (result.swap is None) == (mode == "recompute")
    if result.swap is not None:
        assert result.swap.spaces.blocks.tolist() == [0, 0]


@pytest.mark.parametrize("copies", COPIES)
@pytest.mark.parametrize("seed", range(4))
def test_every_preemption_goes_out_or_is_refused_and_who_went_out_computes_nothing_again(
    seed: int, copies: str
) -> None:
    run = run_of(seed, "quick", copies=copies).run()
    anew, kept = outcome(run_of(seed, None).run()), outcome(run)

    assert anew.swap is None
    assert kept.swap is not None
    assert anew.instances.preemptions.sum() > 0
    spaces = kept.swap.spaces
    assert int((spaces.out_requests + spaces.refused_requests).sum()) == int(kept.instances.preemptions.sum())
    assert (spaces.out_requests <= spaces.in_requests).all()  # who gives up what has come must come back once more
    # What is computed beyond a prompt that nobody has cached is the token behind what was kept.
    again = kept.requests.computed_tokens - run.requests.input_tokens
    assert (again <= kept.requests.preemptions).all()


@pytest.mark.parametrize("capacity_blocks", [1, 1000])
@pytest.mark.parametrize("copies", COPIES)
def test_a_copy_goes_on_as_the_original_does(capacity_blocks: int, copies: str) -> None:
    whole = outcome(run_of(5, "slow", capacity_blocks, copies).run())
    run = run_of(5, "slow", capacity_blocks, copies)
    run.advance(6_000)
    branch = run.fork()
    run.advance(9_000)

    assert_same(outcome(branch.run()), whole)
    assert_same(outcome(run.run()), whole)
    for name in ("requests", "spaces", "channels"):
        assert getattr(branch.state.swap, name).tobytes() == getattr(run.state.swap, name).tobytes()


@pytest.mark.parametrize("trace", ["summary", "decisions"])
@pytest.mark.parametrize("copies", COPIES)
def test_a_trace_changes_nothing(copies: str, trace: str) -> None:
    run = run_of(7, "slow", copies=copies)
    plain = Simulation(run.requests, run.prepared, record_routing=True)
    traced = Simulation(run.requests, run.prepared, trace=trace)

    assert_same(outcome(plain.run()), outcome(traced.run()))


def test_where_nobody_is_preempted_it_changes_nothing() -> None:
    roomy = {"max_running_requests": 1}
    requests = conversations(3)
    runs = []
    for space in (None, SwapSpace(SwapPlan.from_mapping("swap", {}), (4000.0,), (1,))):
        one = Instance(kv_blocks=200, step_token_budget=32, latency=LATENCY, **roomy)
        run = bind_run(Cluster((one,), "affine", BLOCK, swap=space), {"preemption_mode": "swap"})
        runs.append(outcome(Simulation(requests, run).run()))

    assert runs[0].instances.preemptions.sum() == 0
    assert_same(*runs)


def with_swap(case: Case, draw: random.Random) -> Case:
    """The case, or the same with KV that moves elsewhere too, on a cluster whose victims keep theirs."""
    if draw.random() < 0.4:
        case = with_moving_kv(case, draw)
    scenario = copy.deepcopy(dict(case.scenario))
    swap = {
        "read_gb_per_s": draw.choice([0.001, 0.1, 10]),
        "write_gb_per_s": draw.choice([0.001, 0.1, 10]),
        "base_latency_us": draw.choice([0, 10, 5000]),
        "capacity_blocks": draw.choice([1, 3, 10, 100]),
        "copies": draw.choice(COPIES),
        "kv_bytes_per_token": draw.choice([100, 100_000]),
    }
    cluster = dict(scenario["cluster"]) | {"swap": swap}
    policies = dict(scenario["policies"]) | {
        "preemption_mode": draw.choice(
            ["swap", "swap", "break-even", {"policy": "minimum-tokens", "minimum_tokens": 5}]
        )
    }
    return Case(scenario | {"cluster": cluster, "policies": policies}, rows=case.rows)


@pytest.mark.parametrize("seed", [31, 33])
def test_laws_hold_beside_everything_else(seed: int) -> None:
    tried, swapped = 0, 0
    for number in range(60):
        case = with_swap(draw_case(seed, number, "compiled"), random.Random(f"{seed}-{number}"))
        try:
            subject = Subject(case)
        except ConfigError:  # what was drawn does not go together
            continue
        tried += 1
        for rule in (conservation, causality, determinism, forks):
            assert list(rule.check(subject)) == [], f"seed {seed}, case {number}: {rule.__name__}"
        check_swap_laws(subject.finished.state)
        swapped += int(subject.finished.state.swap.spaces.out_requests.sum())
    assert tried > 30
    assert swapped > 0


def test_a_broken_law_is_said_in_words() -> None:
    run = run_of(1, "quick").run()
    run.state.swap.spaces.out_blocks[1] += 1

    with pytest.raises(LawBrokenError, match="copied blocks are there or have left: instance 1 must have"):
        check_swap_laws(run.state)
