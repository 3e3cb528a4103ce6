"""Which instances a request may be sent to, and what becomes of it where there is none."""

from typing import Any

import numpy as np
import pytest

from blis.cluster.deployment import build_cluster
from blis.engine.choice import LOWEST_INDEX, best_instance, draw_of, is_among
from blis.engine.codes import COMPLETED, UNROUTABLE
from blis.engine.laws import check_laws
from blis.foundation.answers import choices
from blis.foundation.errors import ContractError
from blis.outcome import outcome
from blis.policies.routing import least_loaded
from blis.prepare import bind_run
from blis.scenario import Scenario
from blis.simulate import Simulation

WORKLOAD = {
    "version": "1", "aggregate_rate": 30.0, "num_requests": 60,
    "clients": [{
        "id": "a", "rate_fraction": 1.0, "arrival": {"process": "poisson"}, "prefix_group": "sys", "prefix_length": 128,
        "input_distribution": {"type": "constant", "params": {"value": 100}},
        "output_distribution": {"type": "exponential", "params": {"mean": 20}},
    }],
}  # fmt: skip
CLUSTER = {"instances": 4, "model": "meta-llama/llama-3.1-8b-instruct", "hardware": "H100", "tensor_parallel": 2}


def simulation(routing: Any, unroutable: list[int], **options: Any) -> Simulation:
    """A run before its first event, on four instances, some of which nothing may be sent to."""
    mapping = {"cluster": CLUSTER, "workload": {"kind": "spec", "spec": WORKLOAD}}
    scenario = Scenario.from_mapping(mapping)
    run = Simulation(scenario.requests(7), bind_run(build_cluster(scenario.cluster), {"routing": routing}), **options)
    run.settings = run.settings.copy()
    run.settings["restricts_candidates"] = 1
    run.state.instances.routable[unroutable] = 0
    return run


def test_the_best_of_the_candidates_is_chosen_and_ties_are_drawn_among_them() -> None:
    scores, candidates = np.array([5.0, 1.0, np.nan, 1.0, 1.0]), np.array([1, 3, 4])

    chosen = [best_instance(scores, candidates, draw_of(1, number)) for number in range(300)]

    assert best_instance(scores, candidates, LOWEST_INDEX) == 1
    assert np.bincount(chosen, minlength=5)[[0, 2]].tolist() == [0, 0]
    assert np.bincount(chosen, minlength=5)[candidates].min() > 60


def test_who_is_among_the_candidates() -> None:
    assert [is_among(np.array([1, 3, 4]), instance) for instance in range(-1, 6)] == [0, 0, 1, 0, 1, 1, 0]
    assert not is_among(np.zeros(0, int), 0)


@pytest.mark.parametrize("routing", choices("routing"))
def test_nothing_is_sent_to_an_instance_that_is_not_routable(routing: str) -> None:
    done = outcome(simulation(routing, [0, 2]).run())

    assert (done.requests.status == COMPLETED).all()
    assert set(done.requests.instance.tolist()) <= {1, 3}


def test_without_a_candidate_a_request_is_counted_as_unroutable() -> None:
    run = simulation("least-loaded", [0, 1, 2, 3])
    run.advance(1_000_000)
    assert not run.is_over
    run.state.instances.routable[1] = 1

    done = outcome(run.run())

    early = done.requests.arrival_us < 1_000_000
    assert 0 < early.sum() < 60
    assert (done.requests.status[early] == UNROUTABLE).all()
    assert (done.requests.instance[~early] == 1).all()
    assert run.is_over
    check_laws(run.workload, run.prepared.limits, run.state)


def test_a_copy_has_the_candidates_of_its_origin() -> None:
    origin = simulation("weighted", [3])
    origin.advance(1_000_000)
    copy = origin.fork()
    copy.state.instances.routable[:] = [0, 0, 0, 1]

    here, there = outcome(origin.run()).requests.instance, outcome(copy.run()).requests.instance

    assert 3 not in here
    assert set(there[here != there].tolist()) == {3}


def test_python_and_the_kernel_see_the_same_candidates() -> None:
    compiled = outcome(simulation("least-loaded", [1]).run()).requests.instance
    python = outcome(simulation(least_loaded.route, [1]).run()).requests.instance

    assert compiled.tolist() == python.tolist()


def test_choosing_who_is_no_candidate_is_an_error_of_the_policy() -> None:
    def to_the_second(view: Any, request: Any, params: Any, memory: Any, scores: Any) -> int:
        return 1

    with pytest.raises(ContractError, match=r"must return one of the view's candidates, 0, 2, 3; got 1\."):
        simulation(to_the_second, [1]).run()


def test_a_stop_names_the_candidates_and_refuses_others() -> None:
    run = simulation("least-loaded", [1])
    run.stop_at_routing(5)
    run.advance(2**60)
    assert run.candidates.tolist() == [0, 2, 3]

    run.decision = 1
    with pytest.raises(ContractError, match=r"chose instance 1 of 4, candidates 0, 2, 3,"):
        run.run()


def test_a_trace_says_nothing_of_those_who_were_none() -> None:
    run = simulation("weighted", [1], trace="decisions")
    done = outcome(run.run())

    assert done.trace is not None
    assert np.isnan(done.trace.scores[:, 1]).all()
    assert np.isnan(done.trace.expected_ttft_us[:, 1]).all()
    assert np.isfinite(done.trace.scores[:, [0, 2, 3]]).all()
    assert not (done.trace.routings.quickest == 1).any()
