"""Clients that give up on requests that are on an instance: worked out by hand."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from blis.cluster.gateway import Gateway
from blis.cluster.instances import Cluster, Instance
from blis.engine.codes import STATUS_NAMES
from blis.outcome import Outcome, outcome
from blis.prepare import bind_run
from blis.result import simulate
from blis.scenario import Scenario
from blis.simulate import Simulation
from blis.workload.prefixes.keys import keys_of_groups
from blis.workload.requests import Requests
from blis.workload.retries import Retries
from blis.workload.table import requests_of
from tests.engine.test_swapping import BLOCK, LATENCY

TIMEOUT_US = 700
ONCE_MORE = Retries(attempts=1, base_ms=1, jitter=0)


def requests(arrivals_us: list[int], output_tokens: list[int]) -> Requests:
    """Prompts of eight tokens, which take a step of 108 µs; each further token takes one of 110 µs."""
    n = len(arrivals_us)
    tokens, outputs = np.full(n, 8), np.array(output_tokens)
    return requests_of(
        arrival_us=np.array(arrivals_us),
        input_tokens=tokens,
        output_tokens=outputs,
        keys=keys_of_groups(tokens, outputs, np.full(n, -1), np.zeros(n, np.int64), BLOCK),
        block_size_tokens=BLOCK,
    )


def run_of(arriving: Requests, timeout_us: int | None = TIMEOUT_US, gateway: Gateway | None = None) -> Outcome:
    """What becomes of requests on an instance that serves one at a time."""
    instance = Instance(kv_blocks=20, max_running_requests=1, step_token_budget=64, latency=LATENCY)
    cluster = Cluster((instance,), "affine", BLOCK, request_timeout_us=timeout_us, gateway=gateway)
    return outcome(Simulation(arriving, bind_run(cluster)).run())


def fates(done: Outcome) -> list[str]:
    return [STATUS_NAMES[status] for status in done.requests.status]


def test_who_runs_is_taken_away_and_the_next_begins_when_the_step_ends() -> None:
    # The first has seven tokens at 768 µs, in the step that is under way when its client gives up; it wanted twelve.
    arriving = requests([0, 300], [12, 2])

    done = run_of(arriving)

    assert fates(done) == ["timed_out", "completed"]
    assert done.requests.scheduling_delay_us.tolist()[1] == 768 - 300
    assert done.requests.e2e_us.tolist()[1] == 768 - 300 + 108 + 110
    assert fates(run_of(arriving, None)) == ["completed", "completed"]
    assert run_of(arriving, None).requests.scheduling_delay_us.tolist()[1] == 108 + 11 * 110 - 300


def test_who_waits_in_an_instances_queue_is_never_taken() -> None:
    done = run_of(requests([0, 10, 20], [12, 2, 2]), TIMEOUT_US)

    assert fates(done) == ["timed_out", "timed_out", "timed_out"]
    assert done.requests.scheduling_delay_us.tolist()[1:] == [-1, -1]
    assert done.end_us == 20 + TIMEOUT_US  # before the step that was under way has ended


def test_whose_last_token_is_in_the_step_under_way_completes() -> None:
    # Seven tokens take 108 + 6 · 110 = 768 µs; the step of the last one begins at 658 µs.
    assert fates(run_of(requests([0], [7]))) == ["completed"]
    assert fates(run_of(requests([0], [8]))) == ["timed_out"]


@pytest.mark.parametrize("after_timeout", [False, True])
def test_who_gave_up_comes_again_if_clients_do_that(after_timeout: bool) -> None:
    arriving = replace(requests([0], [12]), retries=replace(ONCE_MORE, after_timeout=after_timeout))

    done = run_of(arriving)

    assert fates(done) == ["timed_out"]
    assert done.retries is not None
    assert done.retries.tolist() == [int(after_timeout)]
    # The second attempt comes a millisecond after the end of the first one, and is waited for as long.
    assert done.end_us == TIMEOUT_US + (1_000 + TIMEOUT_US if after_timeout else 0)


def test_a_gateway_hears_that_a_client_gave_up() -> None:
    # One is let through at a time; the others wait in front of the router, where the first leaves room for the second.
    gateway = Gateway(request_timeout_us=TIMEOUT_US, tick_us=1, sweep_us=1)

    done = run_of(requests([0, 300, 320], [12, 2, 12]), gateway=gateway)

    assert fates(done) == ["timed_out", "completed", "timed_out"]
    assert done.gateway is not None
    assert done.gateway.ended_us.tolist()[0] == TIMEOUT_US


SMALL: dict[str, Any] = {
    "cluster": {
        "latency": {"kind": "affine", "alpha_us": [0, 0, 0], "beta_us": [100_000, 0, 0]},
        "kv_blocks": 100, "max_running_requests": 1,
    },
    "workload": {"kind": "distribution", "num_requests": 5, "rate": 1000, "output_tokens_mean": 20},
}  # fmt: skip


@pytest.mark.parametrize(
    ("cluster", "timed_out"),
    [
        ({}, None),
        ({"request_timeout_s": 3}, True),
        ({"gateway": {}}, False),
        ({"gateway": {"request_timeout_s": 3}}, True),
    ],
)
def test_it_is_counted_where_clients_give_up_and_named_nowhere_else(
    cluster: dict[str, Any], timed_out: bool | None
) -> None:
    found = simulate(Scenario.from_mapping(SMALL | {"cluster": SMALL["cluster"] | cluster})).metrics()

    if timed_out is None:
        assert "timed_out_requests" not in found
    else:
        assert (found["timed_out_requests"] > 0) == timed_out
        assert found["timed_out_requests"] + found["completed_requests"] == 5
