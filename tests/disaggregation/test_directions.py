"""What is published of prefill and decode apart: nothing to gain at a low rate, and much at a high one."""

from typing import Any

import numpy as np

from blis.cluster.disaggregation import Disaggregation
from blis.cluster.latency import affine
from blis.outcome import Outcome
from tests.disaggregation.small_pools import cluster, instance, requests, run

#: 5 ms, 30 µs for each token of a prompt, 20 µs for each decode.
PRICES = affine.prepare(affine.Params(alpha_us=(0.0, 0.0, 0.0), beta_us=(5000.0, 30.0, 20.0)), None, None, 1)


def served(roles: list[str], rate_per_s: float, transfer_us: float = 50.0, routing: str = "least-loaded") -> Outcome:
    draw = np.random.default_rng(5)
    arrival_us = np.cumsum(draw.exponential(1e6 / rate_per_s, 600)).astype(int).tolist()
    arriving = requests(arrival_us, input_tokens=draw.integers(200, 3000, 600).tolist(), output_tokens=80)
    plain: dict[str, Any] = {"latency": PRICES, "kv_blocks": 20_000, "max_running_requests": 128}
    divides = "prefill" in roles
    policies = {"routing": routing, "disaggregation": "always" if divides else "never"}
    made = cluster(
        *(instance(role, **plain) for role in roles),
        divided=Disaggregation(bandwidth_gb_per_s=1000, base_latency_us=transfer_us) if divides else None,
    )
    return run(arriving, made, policies)


SHARED = ["both"] * 8
TWO_AND_SIX, FOUR_AND_FOUR = ["prefill"] * 2 + ["decode"] * 6, ["prefill"] * 4 + ["decode"] * 4


def test_at_a_low_rate_dividing_only_adds_a_transfer_and_a_step() -> None:
    shared, divided = served(SHARED, 2), served(TWO_AND_SIX, 2)

    assert np.median(divided.requests.ttft_us) > np.median(shared.requests.ttft_us)
    assert divided.requests.e2e_us.mean() > 0.97 * shared.requests.e2e_us.mean()


def test_at_a_high_rate_decodes_apart_keep_their_pace() -> None:
    shared, divided = served(SHARED, 30), served(FOUR_AND_FOUR, 30)

    gaps = [np.repeat(one.interval_us, one.interval_tokens) for one in (shared, divided)]
    assert np.percentile(gaps[1], 99) < 0.5 * np.percentile(gaps[0], 99)
    assert divided.requests.e2e_us.mean() < shared.requests.e2e_us.mean()


def test_a_transfer_of_50_ms_costs_little_of_a_long_answer() -> None:
    quick, slow = served(TWO_AND_SIX, 10), served(TWO_AND_SIX, 10, transfer_us=50_000)

    longer_us = slow.requests.e2e_us.mean() - quick.requests.e2e_us.mean()
    assert 40_000 < longer_us < 70_000
