"""Who gets a request that several instances are equally good for."""

from typing import Any

import numpy as np
import pytest

from blis.cluster.deployment import build_cluster
from blis.engine._jit import plain
from blis.engine.choice import LOWEST_INDEX, best_instance, draw_of
from blis.foundation.errors import UnknownChoiceError
from blis.outcome import outcome
from blis.policies.routing import least_loaded
from blis.prepare import bind_run, prepare
from blis.result import Result, simulate
from blis.scenario import Scenario
from blis.simulate import Simulation

LIGHT = {
    "version": "1", "aggregate_rate": 2.0, "num_requests": 200,
    "clients": [{
        "id": "a", "rate_fraction": 1.0, "arrival": {"process": "poisson"}, "prefix_group": "sys", "prefix_length": 512,
        "input_distribution": {"type": "constant", "params": {"value": 100}},
        "output_distribution": {"type": "constant", "params": {"value": 20}},
    }],
}  # fmt: skip
CLUSTER = {"instances": 4, "model": "meta-llama/llama-3.1-8b-instruct", "hardware": "H100", "tensor_parallel": 2}
BY_QUEUE = {"policy": "weighted", "scorers": "queue-depth:1"}


def run(routing: Any = BY_QUEUE, seed: int = 42, semantics: str = "corrected", **cluster: Any) -> Result:
    mapping = {
        "cluster": CLUSTER | cluster, "workload": {"kind": "spec", "spec": LIGHT}, "policies": {"routing": routing},
        "semantics": semantics,
    }  # fmt: skip
    return simulate(Scenario.from_mapping(mapping), seed)


def shares(result: Result) -> np.ndarray:
    return np.bincount(result.outcome.requests.instance, minlength=4) / 200


def test_each_of_the_best_is_equally_likely() -> None:
    scores = np.array([1.0, 3.0, 3.0, 2.0, 3.0, -np.inf])

    chosen = [best_instance(scores, np.arange(6), draw_of(123_456_789, number)) for number in range(3_000)]

    counts = np.bincount(chosen, minlength=6)
    assert counts[[0, 3, 5]].tolist() == [0, 0, 0]
    # 1000 each, give or take four standard deviations of sqrt(3000 * 1/3 * 2/3) = 26.
    assert (np.abs(counts[[1, 2, 4]] - 1_000) < 104).all()


def test_a_draw_is_the_same_with_and_without_the_compiler() -> None:
    scores = np.zeros(64)

    for key in (LOWEST_INDEX, 0, 1, 2**32 - 1):
        for number in (0, 1, 999_999, 2**31 + 7):
            draw = draw_of(key, number)
            assert plain(draw_of)(key, number) == draw
            assert plain(best_instance)(scores, np.arange(64), draw) == best_instance(scores, np.arange(64), draw)


def test_the_lowest_index_wins_where_that_is_the_rule() -> None:
    assert best_instance(np.array([1.0, 3.0, 3.0]), np.arange(3), LOWEST_INDEX) == 1


def test_equal_instances_share_the_requests() -> None:
    assert (shares(run()) > 0.15).all()


@pytest.mark.parametrize("semantics", ["reference-2026-04", "reference-2026-02"])
def test_the_reference_gives_ties_to_the_lowest_index(semantics: str) -> None:
    assert shares(run(semantics=semantics)).tolist() == [1, 0, 0, 0]


def test_the_rule_can_be_chosen_under_any_semantics() -> None:
    assert shares(run(router_ties="lowest-index")).tolist() == [1, 0, 0, 0]
    assert (shares(run(semantics="reference-2026-04", router_ties="random")) > 0.15).all()


def test_an_unknown_rule_is_refused() -> None:
    with pytest.raises(UnknownChoiceError, match=r"cluster\.router_ties: no choice named 'lowest'"):
        run(router_ties="lowest")


def test_a_draw_depends_on_seed_and_request_alone() -> None:
    one, other = run().outcome.requests.instance, run(seed=43).outcome.requests.instance
    again = run("least-loaded").outcome.requests.instance

    assert (one != other).any()
    # Where all queues are empty and all instances idle, both policies see the same tie.
    assert (one == again).mean() > 0.5


def test_policies_that_agree_draw_alike() -> None:
    named, scenario = run("least-loaded").outcome.requests.instance, run().scenario
    program = run({"policy": "program", "formula": "effective_load neg"}).outcome.requests.instance
    prepared = bind_run(build_cluster(scenario.cluster), {"routing": least_loaded.route})

    python = outcome(Simulation(scenario.requests(42), prepared, seed=42).run()).requests.instance

    assert named.tolist() == program.tolist() == python.tolist()


def test_a_copy_draws_as_its_origin() -> None:
    scenario = run().scenario
    origin = Simulation(scenario.requests(42), prepare(scenario), seed=42)
    origin.advance(20_000_000)
    copy = origin.fork()

    here, there = outcome(origin.run()).requests.instance, outcome(copy.run()).requests.instance

    assert here.tolist() == there.tolist() == run().outcome.requests.instance.tolist()
