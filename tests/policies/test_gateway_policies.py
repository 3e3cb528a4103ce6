"""The gateway's policies by examples whose numbers were worked out by hand, most of them from llm-d's formulas."""

from typing import Any

import numpy as np
import pytest

from blis.engine._jit import plain
from blis.engine.views import FlowsView
from blis.policies.binding import bind, memory_for
from tests.contracts.test_answers import REQUEST, gateway_view, router_view


def measured(choice: dict[str, Any], gateway: dict[str, Any] | None = None, **view: Any) -> float:
    """The saturation of two instances of 50 blocks of 16 tokens, nothing in transit."""
    policy = bind("saturation", "saturation", choice)
    seen = router_view(2, 0)._replace(**{name: np.array(values) for name, values in view.items()})
    queue = gateway_view(2, in_transit_requests=0, in_transit_tokens=0)._replace(**(gateway or {}))
    return float(plain(policy.decide)(seen, queue, policy.parameters, memory_for(policy, 2, 10)))


def test_utilization_is_the_mean_of_each_instances_larger_share() -> None:
    # (queue 5, KV 0.4) is full by its queue, (queue 0, KV 0.4) half full by its KV cache: (1 + 0.5) / 2
    assert measured({"policy": "utilization"}, queued_requests=[5, 0], used_blocks=[20, 20]) == pytest.approx(0.75)


def test_utilization_takes_old_reports_for_full_ones() -> None:
    fresh, old = (
        measured({"policy": "utilization"}, {"report_age_us": age_us}, queued_requests=[0, 0], used_blocks=[0, 0])
        for age_us in (200_000, 200_001)
    )

    assert (fresh, old) == (0.0, 1.0)


def test_concurrency_pools_what_the_instances_may_have() -> None:
    # 150 and 10 of 100 each: 160 / 200, though the first alone is beyond its share
    assert measured({"policy": "concurrency"}, in_flight_requests=[150, 10]) == pytest.approx(0.8)


def test_concurrency_counts_who_is_on_the_way() -> None:
    assert measured(
        {"policy": "concurrency"}, {"in_transit_requests": 40}, in_flight_requests=[150, 10]
    ) == pytest.approx(1.0)


def test_hybrid_concurrency_takes_the_larger_share_of_each_instance() -> None:
    choice = {"policy": "concurrency", "mode": "hybrid", "max_concurrency": 100, "max_token_concurrency": 1000}
    tokens = {"in_flight_tokens": np.array([800, 100])}

    # max(0.2, 0.8) and max(0.5, 0.1)
    assert measured(choice, tokens, in_flight_requests=[20, 50]) == pytest.approx(0.65)


def test_queue_and_kv_counts_full_instances() -> None:
    assert measured({"policy": "queue-and-kv"}, queued_requests=[6, 5], used_blocks=[0, 40]) == 0.5
    assert measured({"policy": "queue-and-kv"}, queued_requests=[6, 5], used_blocks=[0, 41]) == 1.0


def test_token_headroom_adds_what_waits_to_what_is_held() -> None:
    # 20 blocks of 16 tokens and 400 in queues, of 2 · 50 · 16 tokens, of which a tenth stays free
    level = measured({"policy": "token-headroom"}, used_blocks=[20, 0], queued_tokens=[0, 400])

    assert level == pytest.approx((320 + 400) / (0.9 * 1600))


def ceilings(choice: dict[str, Any], saturation: float, memory: np.ndarray | None = None) -> list[float]:
    """Of three bands with urgency 100, 0 and -10."""
    policy = bind("ceiling", "ceiling", choice)
    kept = memory_for(policy, 2, 10) if memory is None else memory
    extremes = {"n_bands": 3, "most_urgency": 100.0, "least_urgency": -10.0, "saturation": saturation}
    return [
        float(plain(policy.decide)(gateway_view(band=band, urgency=urgency, **extremes), policy.parameters, kept))
        for band, urgency in enumerate((100.0, 0.0, -10.0))
    ]


def test_holdback_by_rank_and_by_value() -> None:
    assert ceilings({"policy": "priority-holdback"}, 0.3) == pytest.approx([1, 0.75, 0.5])
    by_value = ceilings({"policy": "priority-holdback", "domain": "value"}, 0.3)
    assert by_value == pytest.approx([1, 0.5 + 10 / 110 * 0.5, 0.5])


@pytest.mark.parametrize(
    ("saturation", "period", "bands"),
    # At 0.62 the shares are 1, 0.69 and 0.38: only the last band is beyond its own; at 0.75 they are 1, 0.625, 0.25.
    [(0.62, 2, (2,)), (0.75, 3, (1, 2))],
)
def test_the_soft_ceiling_opens_bands_every_so_many_cycles(
    saturation: float, period: int, bands: tuple[int, ...]
) -> None:
    memory = np.zeros(2)

    cycles = [ceilings({"policy": "soft-reflective"}, saturation, memory) for _ in range(6)]

    for band in range(3):
        opened = [cycle[band] for cycle in cycles]
        assert opened == [1.0 if band not in bands or n % period == 0 else 0.0 for n in range(6)]


def test_the_soft_ceiling_is_shut_for_all_but_the_first_band_once_the_cluster_is_full() -> None:
    assert ceilings({"policy": "soft-reflective"}, 1.0) == [1.0, 0.0, 0.0]


def flows(**columns: list[float]) -> FlowsView:
    """As many tenants as are given, each waiting since a time of its own."""
    n = len(next(iter(columns.values())))
    names = FlowsView._fields[4:]
    filled = {"tenant": range(n), "head_rank": range(n), "active_since_us": range(1, n + 1)} | columns
    return FlowsView(10_000, n, n, -1, *(np.array(filled.get(name, np.zeros(n)), np.float64) for name in names))


def choices_of(choice: dict[str, Any] | str, views: list[FlowsView]) -> list[int]:
    policy = bind("fairness", "fairness", choice)
    memory = memory_for(policy, 1, 10, views[0].n_tenants)
    return [int(plain(policy.decide)(view, policy.parameters, memory)) for view in views]


def test_strict_takes_the_best_request_of_all() -> None:
    assert choices_of("strict", [flows(head_key=[3, 1, 2]), flows(head_key=[1, 1, 1], head_rank=[7, 9, 5])]) == [1, 2]


def test_round_robin_goes_on_behind_the_tenant_served_last() -> None:
    views = [flows(head_key=[0, 0, 0])._replace(last_tenant=last) for last in (-1, 0, 1, 2)]

    assert choices_of("round-robin", views) == [0, 1, 2, 0]


def test_weights_are_shares_of_the_requests() -> None:
    counts = np.bincount(choices_of({"policy": "weighted", "tenant_0": 3.0}, [flows(head_key=[0, 0])] * 40))

    assert counts.tolist() == [30, 10]


def test_a_tenant_that_comes_back_is_lifted_to_the_least_counter_of_those_who_wait() -> None:
    # Counters 100 and 300; a third that had 20 comes back and starts at 100, beside the first, which waits longer.
    before = flows(input_tokens=[100, 300, 0])
    waiting = FlowsView(*before[:1], 2, 3, -1, *(column[:2] for column in before[4:]))
    back = flows(input_tokens=[100, 300, 20], active_since_us=[1, 2, 9_000])
    served = flows(input_tokens=[101, 300, 20], active_since_us=[1, 2, 9_000])

    # Then the first is charged one token, and the third is the one that has got least; it gets no more than that.
    assert choices_of("virtual-token-counter", [waiting, back, served]) == [0, 0, 2]


def test_output_tokens_cost_twice_a_prompts() -> None:
    assert choices_of("virtual-token-counter", [flows(input_tokens=[50, 0], written_tokens=[0, 30])]) == [0]


def test_least_attained_weighs_service_against_waiting() -> None:
    # Service 0 and 1000 tokens: 0.8 for the first; waits of 0 and 9 ms: 0.2 for the second.
    view = flows(input_tokens=[0, 1000], head_enqueued_us=[10_000, 1_000])

    assert choices_of("least-attained", [view]) == [0]
    assert choices_of({"policy": "least-attained", "wait_weight": 0.9}, [view]) == [1]


def test_least_attained_forgets_half_in_a_half_life() -> None:
    choice = {"policy": "least-attained", "half_life_s": 1.0, "wait_weight": 0.0}
    then = flows(input_tokens=[1000, 0], served_us=[10_000, 0])
    # Two seconds later a quarter is left of the thousand tokens: less than what the other has just got.
    now = flows(input_tokens=[1000, 300], served_us=[10_000, 2_010_000])._replace(clock_us=2_010_000)

    assert choices_of(choice, [then, now]) == [1, 0]


def rank_of(choice: str | dict[str, Any], *, clock_us: int = 5_000, **request: Any) -> float:
    policy = bind("queue_order", "queue_order", choice)
    seen = gateway_view(clock_us=clock_us, ttl_us=1_000)
    memory = memory_for(policy, 1, 10)
    return float(plain(policy.decide)(seen, REQUEST._replace(**request), policy.parameters, memory))


def test_orders_rank_by_arrival_expiry_promise_and_length() -> None:
    assert rank_of("fcfs") == rank_of("fcfs", clock_us=9_000)
    assert rank_of("edf") == 6_000
    assert rank_of({"policy": "edf", "critical": 0.5}) == 5_500
    assert rank_of("slo-deadline", arrival_us=1_000, ttft_target_us=450_000) == 451_000
    # 64 tokens, 2 · 10 expected ones, and 100 tokens/s of a clock of 5 ms
    assert rank_of("predicted-sjf", expected_output_tokens=10.0) == pytest.approx(64 + 20 + 0.5)


def test_las_puts_a_session_behind_by_what_it_has_attained() -> None:
    policy = bind("queue_order", "queue_order", {"policy": "las", "ageing_tokens_per_s": 0.0})
    memory, of_session = memory_for(policy, 1, 10), REQUEST._replace(session=4, expected_output_tokens=8.0)

    ranks = [plain(policy.decide)(gateway_view(), of_session, policy.parameters, memory) for _ in range(3)]

    assert ranks == [0.0, 64 + 16, 2 * (64 + 16)]
    assert plain(policy.decide)(gateway_view(), REQUEST, policy.parameters, memory) == 0.0
