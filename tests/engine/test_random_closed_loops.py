"""Requests that wait for others, invented together with clusters too small for some of them."""

from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blis.cluster.instances import Cluster, Instance
from blis.cluster.latency import affine
from blis.engine.codes import COMPLETED, DROPPED, REJECTED
from blis.engine.laws import check_conservation, check_laws
from blis.foundation.semantics import CORRECTED, Semantics, semantics
from blis.outcome import outcome
from blis.policies.routing import least_loaded
from blis.policies.scheduling import sjf
from blis.prepare import bind_run
from blis.simulate import Simulation
from blis.workload.prefixes.keys import keys_of_groups
from blis.workload.requests import Requests
from blis.workload.table import requests_of
from tests.engine.test_closed_loop import written_down

COLUMNS = ("arrival_us", "status", "instance", "ttft_us", "e2e_us", "scheduling_delay_us", "preemptions")
BETAS_US = ((1.0, 1.0, 0.0), (1.0, 0.0, 0.0), (5.0, 1.0, 1.0), (100.0, 10.0, 5.0))
ALPHAS_US = ((0.0, 0.0, 0.0), (2.0, 1.0, 0.0), (100.0, 1.0, 2.0))
ROUTINGS = ("round-robin", "least-loaded", "weighted", "always-busiest", "prefix-affinity")
ADMISSIONS: tuple[Any, ...] = (
    "always-admit", "always-admit", "reject-all",
    {"policy": "token-bucket", "capacity_tokens": 30, "refill_tokens_per_s": 1e3},
)  # fmt: skip


class Case(NamedTuple):
    """One invented closed loop."""

    requests: Requests
    cluster: Cluster
    policies: dict[str, Any]

    def start(self, horizon_us: int | None = None, preset: Semantics = CORRECTED, **options: Any) -> Simulation:
        return Simulation(self.requests, bind_run(self.cluster, self.policies, preset, horizon_us), **options)


def random_requests(draw: np.random.Generator, block_size_tokens: int) -> Requests:
    """Chains, and some trees, of requests that come right after one another; prompts of all sizes."""
    count = int(draw.integers(2, 60))
    users = int(draw.integers(1, min(count, 9)))
    after = np.array([-1 if row < users else draw.integers(max(0, row - 9), row) for row in range(count)])
    after[draw.random(count) < 0.1] = -1
    think_us = np.where(after >= 0, draw.choice([0, 0, 1, 7, 500], count), 0)
    prompt, output = draw.integers(1, 60, count), draw.choice([0, 1, 3, 9], count)
    arrival_us = np.sort(draw.choice([0, 0, 1, 40, 900], count))
    group = draw.integers(-1, 2, count)
    return requests_of(
        arrival_us=arrival_us, input_tokens=prompt, output_tokens=output, after=after, think_us=think_us,
        keys=keys_of_groups(prompt, output, group, np.minimum(prompt, 9) * (group >= 0), block_size_tokens),
        block_size_tokens=block_size_tokens,
    )  # fmt: skip


def random_case(seed: int) -> Case:
    draw = np.random.default_rng(seed)
    block_size_tokens = int(draw.choice([4, 16]))
    alpha_us, beta_us = ALPHAS_US[draw.integers(len(ALPHAS_US))], BETAS_US[draw.integers(len(BETAS_US))]
    instance = Instance(
        kv_blocks=int(draw.choice([1, 2, 4, 8, 100])),
        max_running_requests=int(draw.choice([1, 2, 64])),
        step_token_budget=int(draw.choice([2, 16, 512])),
        latency=affine.prepare(affine.Params(alpha_us=alpha_us, beta_us=beta_us), None, None, 1),
        long_prefill_threshold_tokens=int(draw.choice([0, 1, 16])),
        max_model_len_tokens=int(draw.choice([0, 0, 40])),
    )
    cluster = Cluster(
        (instance,) * int(draw.integers(1, 4)), "affine", block_size_tokens,
        admission_latency_us=int(draw.choice([0, 0, 1, 30])), routing_latency_us=int(draw.choice([0, 0, 1, 30])),
        snapshot_refresh_us=int(draw.choice([0, 0, 50])),
    )  # fmt: skip
    policies = {
        "routing": str(draw.choice(ROUTINGS)),
        "admission": ADMISSIONS[draw.integers(len(ADMISSIONS))],
        "scheduling": str(draw.choice(["fcfs", "sjf"])),
    }
    return Case(random_requests(draw, block_size_tokens), cluster, policies)


def assert_lawful(simulation: Simulation) -> None:
    """No request is lost, made, or served twice, at any of the places that count."""
    check_conservation(simulation.state)
    check_laws(simulation.workload, simulation.prepared.limits, simulation.state)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32))
def test_the_same_arrivals_written_down_give_the_same_run(seed: int) -> None:
    case = random_case(seed)
    closed = case.start().run()

    real = outcome(closed)
    requests, order = written_down(case.requests, real.requests.arrival_us)
    again = outcome(case._replace(requests=requests).start().run()).requests

    assert_lawful(closed)
    assert np.isin(real.requests.status, (COMPLETED, REJECTED, DROPPED)).all()
    for column in COLUMNS:
        np.testing.assert_array_equal(getattr(again, column), getattr(real.requests, column)[order], column)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32), slice_us=st.integers(60, 900), horizon_us=st.integers(0, 5_000))
def test_a_closed_loop_in_slices_and_copies_equals_one_run(seed: int, slice_us: int, horizon_us: int) -> None:
    case = random_case(seed)
    plain = outcome(case.start(horizon_us=horizon_us).run()).requests

    sliced = case.start(horizon_us=horizon_us)
    for until_us in range(0, 6_000, slice_us):
        sliced.advance(until_us)
        sliced = sliced.fork()
        assert_lawful(sliced)
    sliced.run()

    assert_lawful(sliced)
    for column in COLUMNS:
        np.testing.assert_array_equal(getattr(outcome(sliced).requests, column), getattr(plain, column), column)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32), trace=st.sampled_from(["none", "decisions"]))
def test_a_closed_loop_decided_in_python_equals_the_compiled_one(seed: int, trace: str) -> None:
    case = random_case(seed)
    policies = case.policies | {"routing": "least-loaded", "scheduling": "sjf"}
    compiled = outcome(case._replace(policies=policies).start().run()).requests

    python = {"routing": least_loaded.route, "scheduling": sjf.order}
    decided = case._replace(policies=policies | python).start(trace=trace).run()

    assert_lawful(decided)
    for column in COLUMNS:
        np.testing.assert_array_equal(getattr(outcome(decided).requests, column), getattr(compiled, column), column)


@pytest.mark.parametrize("preset", ["reference-2026-04", "reference-2026-02"])
def test_a_closed_loop_conserves_requests_under_every_semantics(preset: str) -> None:
    @settings(max_examples=60, deadline=None, derandomize=True)
    @given(seed=st.integers(0, 2**32))
    def conserve(seed: int) -> None:
        # A request that never fits is preempted for ever there, so only the horizon ends the run.
        simulation = random_case(seed).start(20_000, semantics(preset))
        clock_us = 0
        for until_us in range(0, 20_000, 100):
            simulation.advance(until_us)
            assert simulation.clock_us >= clock_us
            clock_us = simulation.clock_us
        simulation.run()
        assert_lawful(simulation)

    conserve()


def test_a_dropped_request_is_followed_by_one_in_the_microsecond_of_the_next_decision() -> None:
    # Requests 1 to 3 follow request 0, which needs 2 blocks and is dropped at 1. They come at 2, as request 4 does.
    prompt = np.array([9, 1, 1, 1, 1])
    none = np.full(5, -1)
    requests = requests_of(
        arrival_us=np.array([0, 0, 0, 0, 2]), input_tokens=prompt, output_tokens=np.ones(5, np.int64),
        keys=keys_of_groups(prompt, np.ones(5, np.int64), none, none * 0, 8), block_size_tokens=8,
        after=np.array([-1, 0, 0, 0, -1]), think_us=np.zeros(5, np.int64),
    )  # fmt: skip
    latency = affine.prepare(affine.Params(alpha_us=(1.0, 0.0, 0.0), beta_us=(10.0, 0.0, 0.0)), None, None, 1)
    cluster = Cluster((Instance(1, 64, 64, latency),) * 2, "affine", 8)

    simulation = Simulation(requests, bind_run(cluster, {"routing": "round-robin"})).run()

    done = outcome(simulation)
    assert done.requests.arrival_us.tolist() == [0, 2, 2, 2, 2]
    assert done.requests.instance.tolist() == [0, 1, 0, 1, 0]
    assert done.n_admitted == 5
    assert_lawful(simulation)
