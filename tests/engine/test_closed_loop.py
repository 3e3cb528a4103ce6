"""Arrivals that wait for completions: the oracle is the same run with its arrival times written down beforehand."""

from dataclasses import replace

import numpy as np
import pytest

from blis.engine.laws import check_laws
from blis.foundation.units import frozen
from blis.outcome import outcome
from blis.prepare import prepare
from blis.scenario import Scenario
from blis.simulate import Simulation
from blis.workload.requests import Requests

CLUSTER = {"instances": 3, "model": "meta-llama/llama-3.1-8b-instruct", "hardware": "H100", "tensor_parallel": 2}
LENGTHS = {
    "input_distribution": {"type": "gaussian", "params": {"mean": 150, "std_dev": 80, "min": 5, "max": 600}},
    "output_distribution": {"type": "gaussian", "params": {"mean": 60, "std_dev": 50, "min": 1, "max": 300}},
}
CHAT = {
    "id": "chat", "tenant_id": "a", "rate_fraction": 1.0, "loop": "closed", "arrival": {"process": "poisson"},
    **LENGTHS,
    "sessions": {"rounds": 4, "think_time_ms": 5, "context_growth": "full"},
}  # fmt: skip
HURRIED = CHAT | {"sessions": {"rounds": 6, "think_time_ms": 0, "context_growth": "full"}}
USERS = {"id": "users", "tenant_id": "b", "concurrency": 6, **LENGTHS}
CASES = {
    "chat": ([CHAT], {}, {"routing": "least-loaded"}),
    "no pause": ([HURRIED], {}, {"routing": "weighted"}),
    "blind router": ([HURRIED], {}, {}),
    "users": ([USERS], {}, {"routing": "round-robin"}),
    "chat beside users": ([CHAT, USERS], {}, {"routing": "weighted", "scheduling": "sjf"}),
    "rejections": (
        [HURRIED], {}, {"admission": {"policy": "token-bucket", "capacity_tokens": 3000, "refill_tokens_per_s": 4000}}
    ),
    "drops": ([CHAT], {"max_model_len_tokens": 900}, {}),
    "preemptions": ([HURRIED], {"kv_blocks": 130}, {"routing": "least-loaded"}),
    "latencies": ([CHAT], {"admission_latency_us": 700, "routing_latency_us": 1500}, {"routing": "weighted"}),
    "stale": ([HURRIED], {"snapshot_refresh_us": 30_000, "cache_signal_delay_us": 90_000}, {"routing": "weighted"}),
}  # fmt: skip


def start(name: str, **options) -> Simulation:
    clients, cluster, policies = CASES[name]
    rate = {} if clients == [USERS] else {"aggregate_rate": 40}
    spec = {"version": "1", **rate, "num_requests": 300, "clients": clients}
    mapping = {"cluster": CLUSTER | cluster, "workload": {"kind": "spec", "spec": spec}, "policies": policies}
    scenario = Scenario.from_mapping(mapping)
    return Simulation(scenario.requests(11), prepare(scenario), **options)


def written_down(requests: Requests, arrival_us: np.ndarray) -> tuple[Requests, np.ndarray]:
    """The same requests with known arrival times, and the rows that they had before."""
    order = np.lexsort((np.arange(len(requests)), arrival_us))
    n = len(requests)
    columns = {}
    for name in requests.__dataclass_fields__:
        value = getattr(requests, name)
        if isinstance(value, np.ndarray) and len(value) == n and name not in ("keys", "key_offsets"):
            columns[name] = frozen(value[order], value.dtype.type)
    pieces = [requests.keys[requests.key_offsets[r] : requests.key_offsets[r + 1]] for r in order.tolist()]
    offsets = np.concatenate([[0], np.cumsum([len(piece) for piece in pieces])])
    columns |= {
        "arrival_us": frozen(arrival_us[order], np.int64),
        "after": frozen(np.full(n, -1), np.int64),
        "think_us": frozen(np.zeros(n), np.int64),
        "keys": frozen(np.concatenate(pieces), np.int64),
        "key_offsets": frozen(offsets, np.int64),
    }
    return replace(requests, **columns), order


@pytest.mark.parametrize("name", CASES)
def test_the_same_arrivals_written_down_give_the_same_run(name):
    closed = start(name).run()
    real = outcome(closed).requests
    requests, order = written_down(closed.requests, real.arrival_us)
    again = outcome(Simulation(requests, closed.prepared).run()).requests
    for column in ("arrival_us", "status", "instance", "ttft_us", "e2e_us", "scheduling_delay_us", "preemptions"):
        np.testing.assert_array_equal(getattr(again, column), getattr(real, column)[order], column)


@pytest.mark.parametrize("name", CASES)
def test_a_request_comes_its_pause_after_the_one_before_it(name):
    simulation = start(name).run()
    done, requests = outcome(simulation).requests, simulation.requests
    waits = requests.after >= 0
    assert waits.any()
    before = requests.after[waits]
    ended = done.e2e_us[before] >= 0
    finished_us = (done.arrival_us + done.e2e_us)[before]
    late = done.arrival_us[waits] - finished_us
    np.testing.assert_array_equal(late[ended], requests.think_us[waits][ended])
    check_laws(simulation.workload, simulation.prepared.limits, simulation.state)


@pytest.mark.parametrize("name", CASES)
def test_how_far_instances_run_ahead_changes_nothing(name):
    far, near = start(name), start(name)
    near.settings.least_steps = 1
    near.prepared.limits.least_step_us[:] = 1
    near.settings.lookahead_us = 0
    one, other = outcome(far.run()).requests, outcome(near.run()).requests
    for column in ("arrival_us", "instance", "ttft_us", "e2e_us"):
        np.testing.assert_array_equal(getattr(one, column), getattr(other, column))


def test_one_user_alone_is_served_without_waiting():
    spec = {"version": "1", "num_requests": 20, "clients": [USERS | {"concurrency": 1}]}
    scenario = Scenario.from_mapping(
        {"cluster": CLUSTER | {"instances": 1}, "workload": {"kind": "spec", "spec": spec}}
    )
    simulation = Simulation(scenario.requests(3), prepare(scenario)).run()
    done = outcome(simulation).requests
    ends_us = done.arrival_us + done.e2e_us
    np.testing.assert_array_equal(done.arrival_us[1:], ends_us[:-1] + simulation.requests.think_us[1:])
    assert outcome(simulation).instances.peak_queue[0] == 1


def test_a_closed_run_can_be_stopped_copied_and_continued():
    plain = outcome(start("no pause").run()).requests
    simulation = start("no pause")
    for until_us in (400_000, 400_001, 900_000, 2_000_000):
        simulation.advance(until_us)
        fork = simulation.fork()
    for one in (simulation.run(), fork.run()):
        np.testing.assert_array_equal(outcome(one).requests.e2e_us, plain.e2e_us)
