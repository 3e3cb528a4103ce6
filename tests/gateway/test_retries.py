"""Clients that come again after a refusal, with pauses that grow."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from blis.cluster.gateway import Gateway
from blis.engine.codes import COMPLETED, GATEWAY_REJECTED, REJECTED
from blis.foundation.errors import ConfigError
from blis.outcome import outcome
from blis.simulate import Simulation
from blis.workload.requests import Requests
from blis.workload.retries import Retries
from tests.gateway.small_gateway import ONE_AT_A_TIME, requests, run, simulation

STEADY = Retries(attempts=3, base_ms=10, factor=2, max_ms=30, jitter=0)


def coming_again(arriving: Requests, retries: Retries = STEADY) -> Requests:
    return replace(arriving, retries=retries)


def test_a_refused_request_comes_again_after_pauses_that_double_up_to_a_longest() -> None:
    simulated = simulation(coming_again(requests([0, 100])), None, {"admission": "reject-all"})
    simulated.run()

    # 100 µs, then after 10, 20 and 30 ms; then it has been refused for good.
    assert simulated.state.requests.arrival_us.tolist() == [60_000, 60_100]
    done = outcome(simulated)
    assert done.requests.status.tolist() == [REJECTED, REJECTED]
    assert (done.n_rejected, done.n_turned_away) == (2, 6)
    assert done.retries is not None
    assert done.retries.tolist() == [3, 3]


def test_times_run_from_the_first_arrival() -> None:
    # The queue holds one, so the third is refused at 0.2 ms and comes again at 10.2 ms, when the second is served.
    done = run(coming_again(requests([0, 100, 200], output_tokens=8)), Gateway(capacity_requests=1), ONE_AT_A_TIME)

    assert done.requests.status.tolist() == [COMPLETED] * 3
    assert done.requests.arrival_us.tolist() == [0, 100, 200]
    assert done.gateway is not None
    assert done.gateway.enqueued_us.tolist() == [0, 100, 10_200]
    assert done.gateway.dispatched_us.tolist() == [0, 8_000, 16_000]
    assert done.requests.ttft_us.tolist() == [1_000, 8_900, 16_800]
    assert done.requests.e2e_us.tolist() == [8_000, 15_900, 23_800]


def test_who_has_given_up_does_not_come_again() -> None:
    patience = Gateway(request_timeout_us=2_000, sweep_us=1)

    done = run(coming_again(requests([0, 100])), patience, ONE_AT_A_TIME)

    assert done.retries is not None
    assert done.retries.tolist() == [0, 0]


def test_pauses_are_drawn_by_seed_and_never_longer_than_without_a_draw() -> None:
    arriving = coming_again(requests([0] * 200), Retries(attempts=1, base_ms=100, jitter=0.25))

    def last_arrivals(seed: int) -> Any:
        simulated = simulation(arriving, None, {"admission": "reject-all"}, seed=seed)
        return simulated.run().state.requests.arrival_us

    assert np.array_equal(last_arrivals(1), last_arrivals(1))
    assert not np.array_equal(last_arrivals(1), last_arrivals(2))
    assert last_arrivals(1).min() >= 75_000
    assert last_arrivals(1).max() <= 100_000
    # Drawn evenly from that range, their mean lies within four standard errors of its middle.
    assert abs(last_arrivals(1).mean() - 87_500) < 4 * 25_000 / np.sqrt(12 * 200)


def test_nobody_but_those_who_ask_for_it_comes_again() -> None:
    done = run(requests([0, 100, 200]), Gateway(capacity_requests=1), ONE_AT_A_TIME)

    assert done.requests.status.tolist() == [COMPLETED, COMPLETED, GATEWAY_REJECTED]
    assert done.retries is None


def test_a_bucket_that_refills_lets_somebody_in_who_comes_again() -> None:
    bucket = {"policy": "token-bucket", "capacity_tokens": 8, "refill_tokens_per_s": 800}  # a prompt in 10 ms

    plain, again = (run(one, None, {"admission": bucket}) for one in (requests([0, 0]), coming_again(requests([0, 0]))))

    assert plain.requests.status.tolist() == [COMPLETED, REJECTED]
    assert again.requests.status.tolist() == [COMPLETED, COMPLETED]
    assert again.requests.ttft_us.tolist() == [1_000, 11_000]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"attempts": 0}, "retries.attempts must be an int in [1, 100]; got 0."),
        ({"base_ms": 0}, "retries.base_ms must be a finite number > 0"),
        ({"base_ms": float("nan")}, "retries.base_ms must be"),
        ({"factor": 0.5}, "retries.factor must be"),
        ({"jitter": -0.1}, "retries.jitter must be"),
        ({"base_ms": 100, "max_ms": 50}, "retries.max_ms must be at least base_ms, 100; got 50."),
        ({"atempts": 3}, "retries: unknown key 'atempts'; did you mean 'attempts'?"),
    ],
)
def test_wrong_retries_are_told(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        Retries.from_mapping("retries", given)

    assert message in str(raised.value)


def test_a_copy_of_a_run_retries_alike() -> None:
    def begun() -> Simulation:
        return simulation(
            coming_again(requests([0, 100, 200, 300]), Retries()), Gateway(capacity_requests=1), ONE_AT_A_TIME
        )

    whole, cut = begun().run(), begun()
    cut.advance(400_000)
    copied = cut.fork().run()

    assert outcome(whole).requests.e2e_us.tolist() == outcome(copied).requests.e2e_us.tolist()
