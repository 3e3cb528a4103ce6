"""Closed forms and queueing theory under corrected semantics; the names V-... are those of the validation plan."""

from typing import Any

import numpy as np
import pytest

from blis.cluster.instances import Cluster, Instance
from blis.cluster.latency import affine
from blis.engine import views
from blis.outcome import Outcome, outcome
from blis.prepare import bind_run
from blis.simulate import Simulation
from blis.workload.prefixes.keys import keys_of_groups
from blis.workload.requests import Requests
from blis.workload.table import requests_of

# Llama-3.1-8B on H100, TP 2.
ALPHA_US = (1601.350510688092, 3.512476196805965, 1805.5430360826988)
BETA_US = (6910.420479880494, 17.67057489844186, 2.8377471109943855)


def requests(arrival_us: Any, prompt: Any, output: Any) -> Requests:
    arrival_us = np.asarray(arrival_us, np.int64)
    prompt, output = (np.broadcast_to(np.asarray(part, np.int64), arrival_us.shape).copy() for part in (prompt, output))
    none = np.full(len(arrival_us), -1)
    keys = keys_of_groups(prompt, output, none, none * 0, 16)
    return requests_of(
        arrival_us=arrival_us, input_tokens=prompt, output_tokens=output, keys=keys, block_size_tokens=16
    )


def run(
    given: Requests, n_instances: int = 1, *, alpha_us: tuple[float, float, float] = ALPHA_US,
    beta_us: tuple[float, float, float] = BETA_US, max_running: int = 256, policies: Any = None, **changes: Any,
) -> Outcome:  # fmt: skip
    latency = affine.prepare(affine.Params(alpha_us=alpha_us, beta_us=beta_us), None, None, 1)
    instance = Instance(132_139, max_running, 2048, latency)
    cluster = Cluster((instance,) * n_instances, "affine", 16, **changes)
    return outcome(Simulation(given, bind_run(cluster, policies)).run())


def test_v_phase_ttft_is_a_line_in_the_prompt() -> None:
    result = run(requests(np.arange(4) * 100_000_000, [64, 256, 512, 1024], 2))

    assert (result.requests.ttft_us / 1000).tolist() == [11.672, 15.739, 21.161, 32.008]


def test_v_phase_each_further_token_costs_the_same() -> None:
    result = run(requests(np.arange(3) * 100_000_000, 64, [65, 129, 257]))

    # 6910.42 + 2.84, truncated, and 1805 for its output.
    assert ((result.requests.e2e_us - result.requests.ttft_us) / [64, 128, 256]).tolist() == [8718.0] * 3


@pytest.mark.parametrize("delay_us", [10_000, 50_000])
def test_v_admlat_admission_latency_adds_exactly(delay_us: int) -> None:
    draw = np.random.default_rng(1)
    given = requests(np.cumsum(draw.exponential(100_000, 300)).astype(np.int64), 128, 32)

    plain, delayed = run(given), run(given, admission_latency_us=delay_us)

    assert set(delayed.requests.ttft_us - plain.requests.ttft_us) == {delay_us}
    assert set(delayed.requests.e2e_us - plain.requests.e2e_us) == {delay_us}


def mm1_case(utilisation: float, n_servers: int, count: int = 20_000) -> tuple[Requests, float]:
    """Requests of one prompt token and exponential output on servers that serve one at a time; mean service [us]."""
    draw = np.random.default_rng(42)
    output = np.maximum(1, np.rint(draw.exponential(128, count))).astype(np.int64)
    service_us = 1000.0 * output.mean()
    gaps = draw.exponential(service_us / utilisation / n_servers, count)
    return requests(np.rint(np.cumsum(gaps)).astype(np.int64), 1, output), service_us


def mean_wait_us(result: Outcome) -> float:
    return float(result.requests.scheduling_delay_us.mean())


@pytest.mark.parametrize("utilisation", [0.3, 0.5, 0.7])
def test_v_mm1_one_server_waits_as_theory_says(utilisation: float) -> None:
    given, service_us = mm1_case(utilisation, 1)

    wait_us = mean_wait_us(run(given, alpha_us=(0, 0, 0), beta_us=(1000, 0, 0), max_running=1))

    assert wait_us == pytest.approx(utilisation / (1 - utilisation) * service_us, rel=0.1)


def test_v_mm1_the_shortest_queue_lies_between_one_queue_and_separate_ones() -> None:
    utilisation, servers = 0.7, 4
    given, service_us = mm1_case(utilisation, servers)

    wait_us = mean_wait_us(
        run(given, servers, alpha_us=(0, 0, 0), beta_us=(1000, 0, 0), max_running=1,
            policies={"routing": "least-loaded"})
    )  # fmt: skip

    load = servers * utilisation
    terms = [load**k / np.prod(range(1, k + 1)) for k in range(servers)]
    last = load**servers / np.prod(range(1, servers + 1)) / (1 - utilisation)
    central_us = last / (sum(terms) + last) * service_us / (servers * (1 - utilisation))
    assert 0.9 * central_us <= wait_us <= utilisation / (1 - utilisation) * service_us


def test_v_little_requests_in_flight_are_rate_times_time() -> None:
    draw = np.random.default_rng(3)
    given = requests(np.cumsum(draw.exponential(30_000, 4_000)).astype(np.int64), 128, 400)
    latency = affine.prepare(affine.Params(alpha_us=(0, 0, 0), beta_us=BETA_US), None, None, 1)
    simulation = Simulation(given, bind_run(Cluster((Instance(132_139, 256, 2048, latency),) * 2, "affine", 16)))
    samples = []
    for until_us in range(0, 125_000_000, 10_000):
        simulation.advance(until_us)
        samples.append(int(simulation.state.instances.in_flight_requests.sum()))

    result = outcome(simulation.run())

    # A request leaves the count when its last step starts, one of four hundred steps early.
    assert np.sum(samples) * 10_000 == pytest.approx(result.requests.e2e_us.sum(), rel=0.01)


def test_v_workcons_the_next_request_starts_when_the_batch_is_empty() -> None:
    result = run(requests([0, 50, 200, 5000], 4, [2, 2, 2, 1]), alpha_us=(0, 0, 0), beta_us=(100, 10, 5), max_running=1)

    assert result.requests.ttft_us.tolist() == [140, 335, 430, 140]
    assert result.requests.e2e_us.tolist() == [245, 440, 535, 140]
    assert result.requests.scheduling_delay_us.tolist() == [0, 195, 290, 0]
    assert result.end_us == 5140


@pytest.mark.parametrize("scheduler", ["fcfs", "sjf", "priority-fcfs"])
@pytest.mark.parametrize("gap_us", [60_000, 20_000])
def test_v_live_every_request_finishes(scheduler: str, gap_us: int) -> None:
    draw = np.random.default_rng(5)
    given = requests(np.cumsum(draw.exponential(gap_us, 600)).astype(np.int64), draw.integers(1, 900, 600), 100)

    result = run(given, max_running=8, policies={"scheduling": scheduler, "priority": "slo-based"})

    assert result.instances.completed_requests.tolist() == [600]


def test_v_oracle_no_view_tells_the_true_output_length() -> None:
    for view in (views.RequestView, views.RouterView, views.QueueView, views.BatchView):
        told = [name for name in view._fields if "output" in name or "remaining" in name or "finish" in name]
        assert set(told) <= {"expected_output_tokens"}  # by those that have completed


@pytest.mark.parametrize("routing", ["least-loaded", "weighted", "program"])
def test_v_oracle_later_outputs_change_no_earlier_decision(routing: str) -> None:
    draw = np.random.default_rng(6)
    arrival_us = np.cumsum(draw.exponential(10_000, 400)).astype(np.int64)
    prompt, output = draw.integers(1, 900, 400), draw.integers(2, 300, 400)
    changed = np.where(np.arange(400) < 200, output, 3 * output)

    one = run(requests(arrival_us, prompt, output), 4, policies={"routing": routing})
    other = run(requests(arrival_us, prompt, changed), 4, policies={"routing": routing})

    assert one.requests.instance[:201].tolist() == other.requests.instance[:201].tolist()
    assert one.requests.instance.tolist() != other.requests.instance.tolist()
