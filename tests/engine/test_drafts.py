"""Speculative decoding leaves everything else of a simulation as it is: laws, copies, slices, closed loops."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blis.cluster.instances import Cluster
from blis.cluster.speculative import Speculative
from blis.outcome import outcome
from blis.policies.preemption import newest
from blis.policies.routing import least_loaded
from blis.prepare import bind_run
from blis.simulate import Simulation
from tests.engine.test_closed_loop import written_down
from tests.engine.test_random_closed_loops import COLUMNS, Case, assert_lawful, random_case
from tests.laws.test_simulation_is_a_value import POLICIES, assert_same, cluster, random_requests

DRAFTS = (Speculative(1, 0.5), Speculative(3, 1.8, 2.5), Speculative(7, 0.0), Speculative(7, 7.0), None)


def drafting(plain: Cluster, seed: int) -> Cluster:
    """The cluster with drafts that differ from instance to instance; the first of them drafts."""
    own = [DRAFTS[(seed + place) % len(DRAFTS)] if place else DRAFTS[seed % 4] for place in range(len(plain.instances))]
    pairs = zip(plain.instances, own, strict=True)
    return replace(plain, instances=tuple(replace(one, speculative=drafts) for one, drafts in pairs))


def simulation(seed: int, policies: dict[str, Any] | None = None, **options: Any) -> Simulation:
    return Simulation(random_requests(seed), bind_run(drafting(cluster(), seed), policies), seed=seed, **options)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000), policies=POLICIES)
def test_the_laws_hold_at_every_moment_and_nothing_is_left_at_the_end(seed: int, policies: dict[str, str]) -> None:
    run = simulation(seed, policies)
    for until_us in range(0, 20_000, 250):
        run.advance(until_us)
        assert_lawful(run)
    done = outcome(run.run())

    assert done.instances.completed_requests.sum() + done.instances.dropped_requests.sum() == len(run.requests)
    assert run.state.instances.used_blocks.tolist() == [0, 0, 0]
    assert run.state.instances.decode_context_tokens.tolist() == [0, 0, 0]
    assert not run.state.batches.crossing.any()
    assert (run.state.batches.fill_head == -1).all()
    assert (done.requests.accepted_tokens <= np.maximum(run.requests.output_tokens - 1, 0)).all()


@settings(max_examples=30, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10_000), policies=POLICIES, at_us=st.integers(0, 8_000), slice_us=st.integers(100, 3_000))
def test_copies_and_slices_equal_one_run(seed: int, policies: dict[str, str], at_us: int, slice_us: int) -> None:
    whole = outcome(simulation(seed, policies).run())
    origin = simulation(seed, policies)
    origin.advance(at_us)
    copy = origin.fork()
    for until_us in range(at_us, 20_000, slice_us):
        copy.advance(until_us)

    assert_same(outcome(copy.run()), whole)
    assert_same(outcome(origin.run()), whole)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("trace", ["none", "decisions"])
def test_decisions_in_python_and_a_trace_change_nothing(seed: int, trace: str) -> None:
    named = {"routing": "least-loaded", "preemption": "newest"}
    compiled = simulation(seed, named, record_routing=True).run()

    callables = {"routing": least_loaded.route, "preemption": newest.victim}
    decided = simulation(seed, callables, trace=trace, record_routing=True).run()

    assert_same(outcome(decided), outcome(compiled))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32))
def test_a_closed_loop_equals_its_arrivals_written_down(seed: int) -> None:
    plain = random_case(seed)
    case = Case(plain.requests, drafting(plain.cluster, seed), plain.policies)
    closed = case.start().run()

    real = outcome(closed)
    requests, order = written_down(case.requests, real.requests.arrival_us)
    again = outcome(case._replace(requests=requests).start().run()).requests

    assert_lawful(closed)
    for column in COLUMNS:
        np.testing.assert_array_equal(getattr(again, column), getattr(real.requests, column)[order], column)
