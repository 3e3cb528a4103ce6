"""Requests that wait for the end of others, in front of a gateway that holds, refuses and lets go."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from blis.cluster.gateway import Gateway
from blis.engine.codes import GATEWAY_QUEUED
from blis.outcome import outcome
from tests.engine.test_closed_loop import written_down
from tests.engine.test_random_closed_loops import COLUMNS, Case, assert_lawful, random_case


def gated_case(seed: int) -> Case:
    case, draw = random_case(seed), np.random.default_rng([seed, 9])
    gateway = Gateway(
        capacity_requests=[None, 1, 4][draw.integers(3)],
        ttl_us=[None, 30, 2_000][draw.integers(3)],
        request_timeout_us=[None, 500][draw.integers(2)],
        tick_us=int(draw.choice([1, 7, 50])),
        sweep_us=int(draw.choice([1, 90])),
    )
    saturation = [
        {"policy": "concurrency", "max_concurrency": float(draw.choice([1, 2, 5]))},
        {"policy": "utilization", "queue_depth_threshold": 1.0, "kv_cache_util_threshold": 0.5},
    ][draw.integers(2)]
    policies = case.policies | {"saturation": saturation}
    cluster = type(case.cluster)(
        case.cluster.instances, "affine", case.cluster.block_size_tokens,
        admission_latency_us=case.cluster.admission_latency_us, routing_latency_us=case.cluster.routing_latency_us,
        snapshot_refresh_us=case.cluster.snapshot_refresh_us, gateway=gateway,
    )  # fmt: skip
    return case._replace(cluster=cluster, policies=policies)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32))
def test_the_same_arrivals_written_down_give_the_same_run(seed: int) -> None:
    case = gated_case(seed)
    closed = case.start().run()

    real = outcome(closed)
    assert_lawful(closed)
    if (real.requests.status == GATEWAY_QUEUED).any() or (real.requests.arrival_us < 0).any():
        return  # somebody is held for ever, so whoever waits for them never comes
    requests, order = written_down(case.requests, real.requests.arrival_us)
    again = outcome(case._replace(requests=requests).start().run()).requests

    for column in COLUMNS:
        np.testing.assert_array_equal(getattr(again, column), getattr(real.requests, column)[order], column)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32), slice_us=st.integers(60, 900))
def test_a_closed_loop_in_slices_and_copies_equals_one_run(seed: int, slice_us: int) -> None:
    case = gated_case(seed)
    plain = outcome(case.start(horizon_us=6_000).run()).requests

    sliced = case.start(horizon_us=6_000)
    for until_us in range(0, 6_100, slice_us):
        sliced.advance(until_us)
        sliced = sliced.fork()
        assert_lawful(sliced)
    sliced.run()

    for column in COLUMNS:
        np.testing.assert_array_equal(getattr(outcome(sliced).requests, column), getattr(plain, column), column)
