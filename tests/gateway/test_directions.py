"""What fair queues, reserved room and old reports are known to do, in direction."""

from typing import Any

import numpy as np

from blis.cluster.gateway import Gateway
from blis.outcome import Outcome
from blis.workload.requests import Requests
from tests.gateway.small_gateway import requests, run


def bursts_among_batch(seed: int, count: int = 500) -> Requests:
    """A steady flood of batch work beyond what the instance serves, and every 50 ms four urgent requests at once."""
    draw = np.random.default_rng(seed)
    flood_us = np.sort(draw.integers(0, 400_000, count))
    arriving = [(int(time_us), "batch", "flood") for time_us in flood_us]
    arriving += [(time_us, "critical", "rare") for time_us in range(20_000, 400_000, 50_000) for _ in range(4)]
    arriving.sort()
    times, classes, tenants = zip(*arriving, strict=True)
    return requests(list(times), output_tokens=10, slo_class=list(classes), tenant=list(tenants))


def mean_ttft_us(done: Outcome, arriving: Requests, slo_class: str) -> float:
    of_class = arriving.slo_class == arriving.slo_classes.index(slo_class)
    return float(done.requests.ttft_us[of_class].mean())


def held(ceiling: Any) -> dict[str, Any]:
    return {"saturation": {"policy": "concurrency", "max_concurrency": 8}, "ceiling": ceiling}


def test_room_that_is_held_back_serves_bursts_of_urgent_requests_sooner_and_batch_work_later() -> None:
    arriving = bursts_among_batch(1)

    static, holdback = (run(arriving, Gateway(), held(one)) for one in ("static", "priority-holdback"))

    assert mean_ttft_us(holdback, arriving, "critical") < 0.8 * mean_ttft_us(static, arriving, "critical")
    assert mean_ttft_us(holdback, arriving, "batch") > mean_ttft_us(static, arriving, "batch")


def test_a_soft_ceiling_costs_batch_work_less_than_room_that_is_held_back() -> None:
    arriving = bursts_among_batch(2)

    holdback, soft = (run(arriving, Gateway(), held(one)) for one in ("priority-holdback", "soft-reflective"))

    assert mean_ttft_us(soft, arriving, "batch") < 0.8 * mean_ttft_us(holdback, arriving, "batch")


def test_bands_shelter_urgent_requests_from_a_flood() -> None:
    arriving = bursts_among_batch(3, 900)
    full = {"saturation": {"policy": "concurrency", "max_concurrency": 16}}  # as many as the instance runs

    without, banded = run(arriving, None, {}), run(arriving, Gateway(), full)

    assert mean_ttft_us(banded, arriving, "critical") < 0.2 * mean_ttft_us(without, arriving, "critical")


def test_counters_give_tenants_of_long_and_short_requests_the_same_tokens() -> None:
    # Two tenants that always wait: prompts of 40 and of 8 tokens, outputs of 5 (which count double).
    arriving = requests([0] * 400, tenant=["long", "short"] * 200, input_tokens=[40, 8] * 200)
    policies = {"saturation": {"policy": "concurrency", "max_concurrency": 4}}

    shares = {}
    for fairness in ("round-robin", "virtual-token-counter"):
        done = run(arriving, Gateway(), policies | {"fairness": fairness}, horizon_us=150_000)
        assert done.gateway is not None
        sent = (done.gateway.dispatched_us >= 0).reshape(-1, 2).sum(axis=0)
        shares[fairness] = sent[1] / sent[0]

    assert abs(shares["round-robin"] - 1) < 0.05
    # A long request costs 50, a short one 18, so there are 50 / 18 = 2.8 short ones for each long one.
    assert abs(shares["virtual-token-counter"] - 50 / 18) < 0.25
