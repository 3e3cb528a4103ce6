"""A simulation that learns of requests when they come does what one does that knew them all before."""

from collections import Counter
from typing import Any

import numpy as np
import pytest

from blis.cluster.swap_space import SwapPlan, SwapSpace
from blis.engine.codes import COMPLETED, TIMED_OUT
from blis.foundation.errors import ConfigError
from blis.online import Arrival, OnlineSimulation
from blis.outcome import outcome
from blis.simulate import Simulation
from tests.laws.test_simulation_is_a_value import random_requests
from tests.serving.deployments import Fed, fed, prepared

FIELDS = (
    *("status", "instance", "scheduled_us", "first_token_us", "finished_us", "preemptions", "cached_blocks"),
    "computed_tokens",
)
POLICIES: list[dict[str, Any]] = [
    {},
    {"routing": "least-loaded"},
    {"routing": {"policy": "weighted", "scorers": "prefix-affinity:3,queue-depth:2"}, "scheduling": "sjf"},
    {"admission": {"policy": "token-bucket", "capacity_tokens": 300, "refill_tokens_per_s": 40_000}},
]


def assert_same(run: Simulation, one_by_one: Fed) -> None:
    n = len(run.requests)
    ended = one_by_one.ended()
    assert len(ended) == n
    for name in FIELDS:
        expected, got = run.state.requests[name], ended[name]
        np.testing.assert_array_equal(got, expected, err_msg=name)


@pytest.mark.parametrize("policies", POLICIES)
@pytest.mark.parametrize("seed", range(6))
def test_requests_that_come_one_by_one_have_the_times_of_those_known_at_once(
    seed: int, policies: dict[str, Any]
) -> None:
    requests, run = random_requests(seed), prepared(policies)

    at_once = Simulation(requests, run).run()

    assert_same(at_once, fed(requests, run))
    assert_same(at_once, fed(requests, run, in_steps=False))
    assert at_once.state.requests.preemptions.sum() > 0


FORGETFUL: list[dict[str, Any]] = [
    *POLICIES,
    {"priority": "slo-based", "scheduling": "priority-fcfs"},
    {"scheduling": "sjf", "preemption": "lowest-priority"},
]


@pytest.mark.parametrize("is_ahead", [False, True])
@pytest.mark.parametrize("policies", FORGETFUL)
@pytest.mark.parametrize("seed", range(2))
def test_nor_does_it_change_anything_to_forget_those_that_have_ended(
    seed: int, policies: dict[str, Any], is_ahead: bool
) -> None:
    requests, run = random_requests(seed, 200), prepared(policies, changes={"async_scheduling": is_ahead})

    one_by_one = fed(requests, run, forgets=True)

    assert_same(Simulation(requests, run).run(), one_by_one)
    assert sum(map(len, one_by_one.forgotten)) > 0
    assert one_by_one.times_us == fed(requests, run).times_us


@pytest.mark.parametrize(
    "cluster", [{"admission_latency_us": 70, "routing_latency_us": 130}, {"snapshot_refresh_us": 500}]
)
def test_latencies_and_old_signals_change_nothing_of_that(cluster: dict[str, int]) -> None:
    requests, run = random_requests(3), prepared({"routing": "least-loaded"}, **cluster)

    assert_same(Simulation(requests, run).run(), fed(requests, run))


@pytest.mark.parametrize("copies", ["step", "beside"])
def test_nor_do_victims_that_keep_their_blocks(copies: str) -> None:
    plan = SwapPlan.from_mapping("swap", {"device": "cpu-pcie5", "copies": copies, "capacity_blocks": 30})
    space = SwapSpace(plan, (4000.0,) * 2, (1,) * 2)
    requests, run = random_requests(3), prepared({"preemption_mode": "swap"}, n_instances=2, swap=space)
    at_once = Simulation(requests, run).run()

    assert_same(at_once, fed(requests, run))
    assert at_once.state.swap.spaces.out_requests.sum() > 0


def test_nor_do_clients_that_give_up() -> None:
    requests, run = random_requests(3), prepared(request_timeout_us=2_000)
    at_once = Simulation(requests, run).run()

    assert_same(at_once, fed(requests, run))
    assert (at_once.state.requests.status == TIMED_OUT).sum() > 0


@pytest.mark.parametrize("is_ahead", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_the_tokens_that_are_told_of_are_those_of_the_run(seed: int, is_ahead: bool) -> None:
    requests, run = random_requests(seed), prepared(changes={"async_scheduling": is_ahead})
    at_once = Simulation(requests, run).run()

    told = fed(requests, run)

    done = at_once.state.requests
    between: Counter[int] = Counter()
    for row in range(len(requests)):
        times_us = told.times_us[row]
        if done.status[row] != COMPLETED:
            assert not times_us
            continue
        assert len(times_us) == requests.output_tokens[row]
        if times_us:
            assert times_us[0] == done.first_token_us[row]
            assert told.ends_us[row] == done.finished_us[row]
        between.update(np.diff(times_us).tolist())
    counted = outcome(at_once)
    assert between == dict(zip(counted.interval_us.tolist(), counted.interval_tokens.tolist(), strict=True))


def test_the_table_grows_while_requests_wait_and_run() -> None:
    requests, run = random_requests(1, 2_500), prepared({"routing": "prefix-affinity"})

    assert_same(Simulation(requests, run).run(), fed(requests, run, in_steps=False))


def test_a_fork_takes_in_other_requests_than_the_original() -> None:
    simulation = OnlineSimulation(prepared(n_instances=1))
    first = Arrival(8, 3, np.arange(2), 0)
    simulation.add(10, first)

    fork = simulation.fork()
    fork.add(20, Arrival(12, 5, np.arange(4), 1))
    simulation.add(20, Arrival(9, 2, np.array([0, 1]), 1))
    for one in (fork, simulation):
        one.advance(10**9)

    assert fork.table.output_tokens.tolist() == [3, 5]
    assert simulation.table.output_tokens.tolist() == [3, 2]
    assert fork.state.requests.finished_us[1] > simulation.state.requests.finished_us[1]


def test_a_policy_that_must_know_the_future_is_refused() -> None:
    with pytest.raises(ConfigError, match="eviction must not be belady here"):
        OnlineSimulation(prepared({"eviction": "belady"}))
