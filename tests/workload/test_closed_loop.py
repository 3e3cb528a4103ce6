"""Requests that wait for others: chains of sessions and of users."""

import numpy as np
import pytest

from blis.foundation.errors import ConfigError
from blis.workload.kinds.spec import Params, generate

CLIENT = {
    "id": "c",
    "input_distribution": {"type": "constant", "params": {"value": 10}},
    "output_distribution": {"type": "constant", "params": {"value": 3}},
}
RATE = {"rate_fraction": 1, "arrival": {"process": "poisson"}}
CHAT = {"rounds": 4, "think_time_ms": {"type": "exponential", "params": {"mean": 2000}}}


def requests_of(*clients, seed=1, rate=None, **keys):
    document = {"num_requests": 400, "clients": [{**CLIENT, **client} for client in clients], **keys}
    if rate:
        document["aggregate_rate"] = rate
    return generate(Params.from_mapping("workload", {"spec": document}), seed, 4)


def test_each_round_waits_for_the_one_before(assert_lawful):
    requests = requests_of({**RATE, "loop": "closed", "sessions": CHAT}, rate=10)

    assert_lawful(requests)
    first = requests.round == 0
    assert (requests.after[first] == -1).all()
    assert (requests.think_us[first] == 0).all()
    before = requests.after[~first]
    assert (before >= 0).all()
    assert (before < np.flatnonzero(~first)).all()
    assert requests.session[before].tolist() == requests.session[~first].tolist()
    assert requests.round[before].tolist() == (requests.round[~first] - 1).tolist()


def test_arrivals_of_a_closed_loop_are_estimates():
    requests = requests_of(
        {**RATE, "loop": "closed", "sessions": CHAT, "estimated_us_per_output_token": 50_000}, rate=10
    )

    waits = requests.after >= 0
    estimated = requests.arrival_us[requests.after[waits]] + 3 * 50_000 + requests.think_us[waits]
    assert requests.arrival_us[waits] == pytest.approx(estimated, abs=1)


def test_an_open_loop_waits_for_nobody():
    requests = requests_of({**RATE, "sessions": CHAT}, rate=10)

    assert set(requests.after.tolist()) == {-1}
    assert set(requests.think_us.tolist()) == {0}


def test_open_and_closed_loops_are_the_same_sessions():
    estimate = {"estimated_us_per_output_token": 1000}
    opened = requests_of({**RATE, **estimate, "sessions": CHAT}, rate=10)
    closed = requests_of({**RATE, **estimate, "sessions": CHAT, "loop": "closed"}, rate=10)

    for name in ("arrival_us", "input_tokens", "output_tokens", "session", "round", "keys"):
        assert getattr(opened, name).tolist() == getattr(closed, name).tolist()


def test_follow_up_requests_are_kept_beyond_the_horizon():
    plan = {**CHAT, "think_time_ms": 60_000}
    requests = requests_of({**RATE, "loop": "closed", "sessions": plan}, rate=10, num_requests=0, horizon=30_000_000)

    assert requests.arrival_us[requests.round == 0].max() < 30_000_000
    assert set(np.bincount(requests.session).tolist()) == {4}  # whole sessions: only the simulation knows their times


def test_users_are_as_many_chains_from_time_zero(assert_lawful):
    requests = requests_of({"concurrency": 7})

    assert_lawful(requests)
    assert len(requests) == 400
    heads = requests.after < 0
    assert heads.sum() == 7
    assert set(requests.arrival_us[heads].tolist()) == {0}
    followers = np.bincount(requests.after[~heads], minlength=400)
    assert set(followers.tolist()) <= {0, 1}  # nobody has two requests at once
    chain = np.arange(400)
    for row in np.flatnonzero(~heads):
        chain[row] = chain[requests.after[row]]
    assert set(np.bincount(chain).tolist()) == {57, 58}  # 400 / 7; the heads are the first rows
    assert set(requests.session.tolist()) == {-1}


def test_users_without_estimates_still_take_turns():
    requests = requests_of({"concurrency": 7, "estimated_us_per_output_token": 0}, num_requests=70)

    assert set(requests.arrival_us.tolist()) == {0}
    chain = np.arange(70)
    for row in range(7, 70):
        chain[row] = chain[requests.after[row]]
    assert np.bincount(chain)[:7].tolist() == [10] * 7


def test_a_user_goes_from_session_to_session():
    requests = requests_of({"concurrency": 3, "sessions": CHAT})

    new = np.flatnonzero((requests.round == 0) & (requests.after >= 0))
    assert len(new) > 60
    before = requests.after[new]
    assert set(requests.round[before].tolist()) == {3}
    assert (requests.session[before] != requests.session[new]).all()
    assert set(requests.input_tokens[new].tolist()) == {10}  # a new session has no context
    assert (requests.think_us[new] > 0).all()


def test_a_smaller_cap_is_the_beginning_of_a_larger_one():
    plan = {"rounds": {"type": "exponential", "params": {"mean": 3}}, "think_time_ms": CHAT["think_time_ms"]}
    clients = ({"concurrency": 5, "sessions": plan}, {**RATE, "loop": "closed", "sessions": plan}, {**RATE})
    small, large = (requests_of(*clients, rate=10, num_requests=n) for n in (80, 5000))

    for name in ("arrival_us", "input_tokens", "after", "think_us", "client", "round"):
        assert getattr(small, name).tolist() == getattr(large, name)[:80].tolist()


def test_users_and_rates_share_a_cap():
    requests = requests_of({"concurrency": 5}, RATE, rate=10, num_requests=1000)

    # 5 users with answers of 3 tokens at 10 ms send about 167 requests/s, the other client 10
    assert (requests.client == 1).mean() == pytest.approx(10 / 177, abs=0.02)


@pytest.mark.parametrize(
    ("clients", "keys", "message"),
    [
        ([{"concurrency": 0}], {}, "workload.spec.clients[0].concurrency must be an int in [1, 1000000]; got 0."),
        ([{"concurrency": 2, "loop": "open"}], {}, "workload.spec.clients[0].loop must be closed where concurrency"),
        ([{"concurrency": 2}], {"num_requests": 0}, "workload.spec: num_requests must be > 0 where a client has"),
        ([{"concurrency": 2}], {"horizon": 5}, "workload.spec.horizon must be left out, since users"),
        ([{"concurrency": 2}], {"rate": 5}, "workload.spec.aggregate_rate must be left out, since every client"),
        ([RATE], {}, "workload.spec: key 'aggregate_rate' is required, unless every client has a concurrency."),
        ([{**RATE, "loop": "shut"}], {"rate": 1}, "workload.spec.clients[0].loop: no choice named 'shut'"),
        (
            [{"concurrency": 2, "profile": {"type": "constant"}}],
            {},
            "workload.spec.clients[0].profile must be left out",
        ),
    ],
)
def test_wrong_loops_are_refused(clients, keys, message):
    with pytest.raises(ConfigError) as error:
        requests_of(*clients, **keys)

    assert str(error.value).startswith(message)


def test_a_rate_for_users_is_refused():
    document = {"num_requests": 10, "clients": [{**CLIENT, "concurrency": 2}]}
    with pytest.raises(ConfigError, match=r"workload\.rate has no meaning, since every client has a concurrency"):
        Params.from_mapping("workload", {"spec": document, "rate": 5})
