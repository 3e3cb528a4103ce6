"""A simulation can be stopped, copied and continued, and nothing about how it is run changes what happens."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blis.cluster.instances import Cluster, Instance
from blis.cluster.latency import affine
from blis.engine.codes import N_ROUTED
from blis.engine.laws import check_laws
from blis.foundation.answers import FOLDERS, QUESTIONS, answer, choices
from blis.foundation.errors import LawBrokenError
from blis.outcome import Outcome, outcome
from blis.prepare import bind_run
from blis.simulate import Simulation
from blis.workload.labels import Labels
from blis.workload.prefixes.keys import keys_of_groups
from blis.workload.requests import Requests
from blis.workload.table import requests_of

BLOCK = 4
LATENCY = affine.prepare(affine.Params(alpha_us=(50.0, 1.5, 7.0), beta_us=(100.0, 10.0, 5.0)), None, None, 1)


def random_requests(seed: int, count: int = 60) -> Requests:
    """Bursts of small requests, half of them with one of three shared prefixes, of mixed classes."""
    draw = np.random.default_rng(seed)
    prefix_group = draw.integers(-1, 3, count)
    prefix = np.where(prefix_group >= 0, draw.integers(4, 20, count), 0)
    prompt = prefix + draw.integers(1, 25, count)
    output = draw.integers(0, 20, count)
    return requests_of(
        arrival_us=np.sort(draw.integers(0, 6_000, count)),
        input_tokens=prompt,
        output_tokens=output,
        keys=keys_of_groups(prompt, output, prefix_group, prefix, BLOCK),
        block_size_tokens=BLOCK,
        prefix_group=None,
        session=Labels((np.arange(count) % 9 - 1).astype(np.int32), tuple("abcdefgh")),
    )


def cluster(n_instances: int = 3, **changes: Any) -> Cluster:
    instance = Instance(
        kv_blocks=24, max_running_requests=6, step_token_budget=32, latency=LATENCY, long_prefill_threshold_tokens=16
    )
    return Cluster((instance,) * n_instances, "affine", BLOCK, **changes)


def simulation(seed: int, policies: dict[str, Any] | None = None, **options: Any) -> Simulation:
    return Simulation(random_requests(seed), bind_run(cluster(), policies), **options)


def assert_same(one: Outcome, other: Outcome) -> None:
    for part in ("requests", "instances"):
        for name in getattr(one, part).__dataclass_fields__:
            np.testing.assert_array_equal(getattr(getattr(one, part), name), getattr(getattr(other, part), name), name)
    np.testing.assert_array_equal(one.interval_us, other.interval_us)
    np.testing.assert_array_equal(one.interval_tokens, other.interval_tokens)
    assert (one.end_us, one.n_admitted, one.n_rejected) == (other.end_us, other.n_admitted, other.n_rejected)


#: Routers that remember what they sent where, expect latencies from it, and draw.
KEEPING: list[Any] = [
    {
        "policy": "weighted",
        "scorers": "token-load:1,session-affinity:0.5,predicted-latency:2,latency-slack:1",
        "picker": "weighted-random",
    },
    {"policy": "sticky-until-saturated", "most_extra_tokens": 20.0},
    {"policy": "program", "formula": "expected_ttft_us most expected_ttft_us sub is_session_home 300 mul add"},
]

POLICIES = st.fixed_dictionaries(
    {
        "routing": st.sampled_from(
            ["round-robin", "least-loaded", "weighted", "prefix-affinity", "always-busiest", *KEEPING]
        ),
        "scheduling": st.sampled_from(
            ["fcfs", "sjf", "priority-fcfs", "reverse-priority", "predicted-sjf", "vtc", "las", "mlfq"]
        ),
        "priority": st.sampled_from(["constant", "slo-based", "linear", "edf", "slack"]),
        "preemption": st.sampled_from(["newest", "lowest-priority"]),
        "eviction": st.sampled_from(choices("eviction")),
    }
)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000), policies=POLICIES)
def test_every_request_ends_and_no_block_is_lost(seed: int, policies: dict[str, str]) -> None:
    run = simulation(seed, policies).run()

    result, state = outcome(run), run.state
    assert result.instances.completed_requests.sum() + result.instances.dropped_requests.sum() == len(run.requests)
    assert state.instances.used_blocks.tolist() == [0, 0, 0]
    assert state.instances.in_flight_requests.tolist() == [0, 0, 0]


@settings(max_examples=30, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000), policies=POLICIES)
def test_the_laws_hold_at_every_moment(seed: int, policies: dict[str, str]) -> None:
    run = simulation(seed, policies)
    clock_us = 0
    for until_us in range(0, 20_000, 250):
        run.advance(until_us)
        check_laws(run.workload, run.prepared.limits, run.state)
        assert run.clock_us >= clock_us
        clock_us = run.clock_us


def test_a_broken_law_is_said_in_words() -> None:
    run = simulation(1).run()
    run.state.instances.used_blocks[1] += 1

    with pytest.raises(LawBrokenError, match=r"used and free blocks are all blocks: instance 1 must have 24; got 25"):
        check_laws(run.workload, run.prepared.limits, run.state)


@pytest.mark.parametrize(
    ("counter", "state"),
    [
        ("completed_requests", "completed"), ("dropped_requests", "dropped"), ("queued_requests", "queued"),
        ("running_requests", "running"), ("pending_requests", "not_started"),
    ],
)  # fmt: skip
def test_no_outcome_is_made_of_requests_that_were_lost_or_served_twice(counter: str, state: str) -> None:
    run = simulation(1)
    run.advance(2_000)
    run.state.instances[counter][2] += 1

    with pytest.raises(LawBrokenError, match=f"conservation: {state}_requests must be"):
        outcome(run)


def test_a_request_that_was_routed_twice_breaks_the_law() -> None:
    run = simulation(1).run()
    run.state.scratch.cluster[N_ROUTED] += 1

    with pytest.raises(LawBrokenError, match=r"conservation: not_started_requests must be 0, .* counted -1"):
        outcome(run)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000), policies=POLICIES)
def test_times_follow_their_causes(seed: int, policies: dict[str, str]) -> None:
    run = simulation(seed, policies).run()
    requests = outcome(run).requests

    done = requests.e2e_us >= 0
    queueing_us = np.trunc(50.0 + 1.5 * run.requests.input_tokens[done])
    assert (requests.scheduling_delay_us[done] >= queueing_us).all()
    assert (requests.ttft_us[done] > requests.scheduling_delay_us[done]).all()
    assert (requests.e2e_us[done] >= requests.ttft_us[done]).all()


@settings(max_examples=30, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000), policies=POLICIES, slice_us=st.integers(1, 3_000))
def test_running_in_slices_equals_running_at_once(seed: int, policies: dict[str, str], slice_us: int) -> None:
    sliced = simulation(seed, policies)
    for until_us in range(0, 30_000, slice_us):
        sliced.advance(until_us)

    assert_same(outcome(sliced.run()), outcome(simulation(seed, policies).run()))


@settings(max_examples=30, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000), policies=POLICIES, at_us=st.integers(0, 8_000))
def test_a_copy_and_its_origin_continue_alike(seed: int, policies: dict[str, str], at_us: int) -> None:
    origin = simulation(seed, policies)
    origin.advance(at_us)
    copy = origin.fork()

    continued = outcome(copy.run())

    assert_same(outcome(origin.run()), continued)
    assert_same(outcome(simulation(seed, policies).run()), continued)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000), policies=POLICIES, rank=st.integers(0, 59))
def test_a_stop_at_a_decision_that_is_left_alone_changes_nothing(
    seed: int, policies: dict[str, str], rank: int
) -> None:
    stopped = simulation(seed, policies)
    stopped.stop_at_routing(rank)
    assert stopped.advance(2**62) is False
    assert stopped.n_routed == rank
    copy = stopped.fork()
    copy.decision = stopped.decision

    assert_same(outcome(copy.run()), outcome(simulation(seed, policies).run()))


def callable_of(question: str, name: str) -> Callable[..., Any]:
    function: Callable[..., Any] = getattr(answer(question, name), FOLDERS[question].verb)
    return function


PARAMETERLESS = {
    "admission": ["always-admit", "reject-all"],
    "routing": ["round-robin", "least-loaded", "always-busiest", "prefix-affinity"],
    "priority": ["constant", "slo-based", "inverted-slo"],
    "scheduling": ["sjf", "priority-fcfs", "reverse-priority"],
    "preemption": ["newest", "lowest-priority"],
}


@pytest.mark.parametrize(
    ("question", "name"), [(question, name) for question, names in PARAMETERLESS.items() for name in names]
)
def test_a_python_policy_equals_the_compiled_one(question: str, name: str) -> None:
    others = {"scheduling": "priority-fcfs"} if question == "priority" else {"priority": "inverted-slo"}
    compiled = outcome(simulation(7, {**others, question: name}).run())
    python = outcome(simulation(7, {**others, question: callable_of(question, name)}).run())

    assert_same(python, compiled)


@pytest.mark.parametrize(("question", "name"), [("priority", "slo-based"), ("priority", "inverted-slo"),
                                                ("scheduling", "sjf"), ("scheduling", "reverse-priority")])  # fmt: skip
@pytest.mark.parametrize("seed", [3, 7, 11])
def test_victims_by_priority_are_the_same_whoever_answers_the_other_questions(
    question: str, name: str, seed: int
) -> None:
    others = {"priority": "inverted-slo", "scheduling": "reverse-priority", "preemption": "lowest-priority"}
    compiled = outcome(simulation(seed, {**others, question: name}).run())
    python = outcome(simulation(seed, {**others, question: callable_of(question, name)}).run())

    assert compiled.instances.preemptions.sum() > 0
    assert_same(python, compiled)


@pytest.mark.parametrize(
    ("question", "formula", "native"),
    [
        ("routing", "effective_load neg", "least-loaded"),
        ("routing", "last_routed neg", "round-robin"),
        ("routing", "effective_load", "always-busiest"),
        ("priority", "age_us 1e-6 mul", "slo-based"),
        ("priority", "age_us -1e-6 mul", "inverted-slo"),
        ("priority", "urgency", "slo-class"),
        ("priority", "0", "constant"),
    ],
)
def test_a_program_equals_the_policy_that_it_spells_out(question: str, formula: str, native: str) -> None:
    others = {"scheduling": "priority-fcfs"}
    # The first turn is a tie, which round-robin gives to the lowest index.
    ties = cluster(router_ties="lowest-index" if native == "round-robin" else None)
    spelt = {**others, question: {"policy": "program", "formula": formula}}

    program, built_in = (
        Simulation(random_requests(11), bind_run(ties, policies)).run()
        for policies in (spelt, {**others, question: native})
    )

    assert_same(outcome(program), outcome(built_in))


@settings(max_examples=30, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000), policies=POLICIES)
def test_recording_changes_nothing(seed: int, policies: dict[str, str]) -> None:
    plain = outcome(simulation(seed, policies, record_steps=False).run())
    recorded = outcome(simulation(seed, policies, record_routing=True).run())

    np.testing.assert_array_equal(plain.requests.e2e_us, recorded.requests.e2e_us)
    np.testing.assert_array_equal(plain.instances.cache_hits, recorded.instances.cache_hits)


def test_every_choice_is_in_the_guide() -> None:
    from pathlib import Path

    guide = (Path(__file__).parent.parent.parent / "docs" / "policies.md").read_text(encoding="utf-8")
    for question in (*QUESTIONS, "scoring"):
        for name in choices(question):
            assert f"| `{name}` |" in guide
