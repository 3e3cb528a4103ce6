"""Who waits in front of the router, for how long, and who does not get in: by examples worked out by hand.

A request needs five steps of a millisecond; the last begins four milliseconds after the first, and from the next tick
on the gateway sees that nobody is in flight.
"""

from dataclasses import fields
from typing import Any

import numpy as np
import pytest

from blis.cluster.gateway import Gateway
from blis.engine.codes import STATUS_NAMES
from blis.outcome import Outcome
from blis.simulate import Cancellation
from tests.gateway.small_gateway import ONE_AT_A_TIME, requests, run, simulation


def sent_us(done: Outcome) -> list[int]:
    assert done.gateway is not None
    found: list[int] = done.gateway.dispatched_us.tolist()
    return found


def fates(done: Outcome) -> list[str]:
    return [STATUS_NAMES[status] for status in done.requests.status]


def test_a_gateway_that_is_never_full_changes_nothing() -> None:
    arriving = requests([0, 100, 100, 2_000, 9_000], slo_class=["batch", "critical", "", "batch", ""])

    without, beside = run(arriving, None, {}), run(arriving, Gateway(), {})

    for column in fields(without.requests):
        np.testing.assert_array_equal(getattr(without.requests, column.name), getattr(beside.requests, column.name))
    assert sent_us(beside) == [0, 100, 100, 2_000, 9_000]


def test_a_full_cluster_holds_requests_until_the_tick_after_one_ends() -> None:
    done = run(requests([0, 100, 200]), Gateway(), ONE_AT_A_TIME)

    assert sent_us(done) == [0, 5_000, 10_000]
    # The wait counts: a step after it was sent on, less the arrival.
    assert done.requests.ttft_us.tolist() == [1_000, 5_900, 10_800]
    assert done.requests.e2e_us.tolist() == [5_000, 9_900, 14_800]


def test_one_request_is_sent_on_in_each_cycle() -> None:
    policies = {"saturation": {"policy": "concurrency", "max_concurrency": 2}}

    done = run(requests([0, 0, 100, 100]), Gateway(), policies)

    # Two go when they come, each with a cycle of its own; the two others find room together, and go one tick apart.
    assert sent_us(done) == [0, 0, 5_000, 6_000]


@pytest.mark.parametrize(("tick_us", "expected"), [(1, 4_001), (300, 4_200), (4_000, 8_000), (7_000, 7_000)])
def test_ticks_are_multiples_of_their_interval(tick_us: int, expected: int) -> None:
    done = run(requests([0, 100]), Gateway(tick_us=tick_us), ONE_AT_A_TIME)

    assert sent_us(done) == [0, expected]


def test_the_more_urgent_band_goes_first() -> None:
    arriving = requests([0, 100, 200, 300], slo_class=["batch", "batch", "critical", "batch"])

    assert sent_us(run(arriving, Gateway(), ONE_AT_A_TIME)) == [0, 10_000, 5_000, 15_000]


def test_a_held_band_holds_all_below_it_and_none_above() -> None:
    # Ceilings 1, 0.75 and 0.5 of four requests. Two are in flight when the batch comes, so its band alone is held. At 5
    # ms these have ended, but the two that came after it are in flight, until 6 ms.
    policies = {
        "saturation": {"policy": "concurrency", "max_concurrency": 4},
        "ceiling": {"policy": "priority-holdback", "min_ceiling": 0.5},
    }
    bands = dict.fromkeys(("critical", "standard", "batch"), 100)
    arriving = requests([0, 0, 100, 200, 300], slo_class=["critical", "critical", "batch", "standard", "critical"])

    done = run(arriving, gateway(bands=bands), policies)

    assert sent_us(done) == [0, 0, 6_000, 200, 300]


def gateway(**given: Any) -> Gateway:
    return Gateway.from_mapping("gateway", given)


def test_tenants_take_turns() -> None:
    arriving = requests([0] * 6, tenant=["flood"] * 4 + ["rare"] * 2)

    strict, in_turn = (run(arriving, Gateway(), ONE_AT_A_TIME | {"fairness": one}) for one in ("strict", "round-robin"))

    assert sent_us(strict) == [0, 5_000, 10_000, 15_000, 20_000, 25_000]
    assert sent_us(in_turn) == [0, 10_000, 20_000, 25_000, 5_000, 15_000]


def test_shorter_prompts_go_first_where_the_order_says_so() -> None:
    policies = ONE_AT_A_TIME | {"queue_order": {"policy": "predicted-sjf", "ageing_tokens_per_s": 0.0}}

    done = run(requests([0, 100, 200, 300], input_tokens=[8, 30, 20, 10]), Gateway(), policies)

    assert sent_us(done) == [0, 15_000, 10_000, 5_000]


def test_who_finds_the_queue_full_is_refused() -> None:
    done = run(requests([0, 100, 200, 300]), Gateway(capacity_requests=1), ONE_AT_A_TIME)

    assert fates(done) == ["completed", "completed", "gateway_rejected", "gateway_rejected"]


def test_a_band_has_a_capacity_of_its_own() -> None:
    arriving = requests([0, 100, 200, 300], slo_class=["batch", "batch", "batch", "critical"])

    done = run(arriving, gateway(bands={"batch": 1}), ONE_AT_A_TIME)

    assert fates(done) == ["completed", "completed", "gateway_rejected", "completed"]


def test_a_full_queue_lets_go_of_its_least_urgent_and_newest_for_a_more_urgent_request() -> None:
    classes = ["batch", "batch", "sheddable", "sheddable", "critical", "background"]
    arriving = requests([0, 100, 200, 300, 400, 500], slo_class=classes)

    done = run(arriving, gateway(capacity_requests=3, displace_least_urgent=True), ONE_AT_A_TIME)

    # The critical one takes the place of the second of the two sheddable ones; nobody goes for a background one.
    expected = ["completed", "completed", "completed", "gateway_displaced", "completed", "gateway_rejected"]
    assert fates(done) == expected


def test_who_waits_too_long_expires_and_keeps_its_place_until_the_next_sweep() -> None:
    limits = {"ttl_ms": 2, "sweep_ms": 25, "capacity_requests": 1}
    arriving = requests([0, 100, 24_000, 26_000], output_tokens=50)

    done = run(arriving, gateway(**limits), ONE_AT_A_TIME)

    # The second expires at 2.1 ms, but is looked for at 25 ms only: until then there is no room.
    assert fates(done) == ["completed", "gateway_expired", "gateway_rejected", "gateway_expired"]


def test_clients_give_up_a_time_after_they_came() -> None:
    done = run(requests([0, 100], output_tokens=50), gateway(request_timeout_s=0.02, sweep_ms=1), ONE_AT_A_TIME)

    assert fates(done) == ["completed", "timed_out"]


def test_who_has_waited_too_long_is_not_sent_on_even_before_the_sweep() -> None:
    done = run(requests([0, 100, 200]), gateway(ttl_ms=4.85, sweep_ms=1000), ONE_AT_A_TIME)

    # At 5 ms the second is 4.9 ms old, and its turn goes to the third.
    assert fates(done) == ["completed", "gateway_expired", "completed"]
    assert sent_us(done) == [0, -1, 5_000]


def test_who_still_waits_at_the_horizon_is_counted_as_waiting() -> None:
    done = run(requests([0, 100, 200], output_tokens=50), Gateway(), ONE_AT_A_TIME, horizon_us=60_000)

    assert fates(done) == ["completed", "running", "gateway_queued"]


def test_old_reports_let_a_burst_pass() -> None:
    policies = {"saturation": {"policy": "utilization", "queue_depth_threshold": 1, "kv_cache_util_threshold": 0.02}}
    arriving = requests([100 * place for place in range(8)])

    live = run(arriving, Gateway(), policies)
    old = run(arriving, Gateway(), policies, snapshot_refresh_us=50_000)

    assert sum(time_us < 1_000 for time_us in sent_us(live)) < 8
    assert max(sent_us(old)) == 700


def test_who_is_on_the_way_to_the_router_counts_as_in_flight() -> None:
    done = run(requests([0, 100, 200]), Gateway(), ONE_AT_A_TIME, routing_latency_us=500)

    # Each is routed half a millisecond after it was sent on, and its last step begins four milliseconds later.
    assert sent_us(done) == [0, 5_000, 10_000]


def test_the_room_of_a_cancelled_request_is_for_who_waits() -> None:
    started = simulation(requests([0, 100], output_tokens=50), Gateway(tick_us=1), ONE_AT_A_TIME)
    started.advance(2_500)

    assert started.cancel(0, 2_500) == Cancellation.DONE
    started.run()

    assert started.state.gateway.requests.dispatched_us.tolist()[1] == 2_500
