"""Jain's index, its edges, and what it is taken of."""

import numpy as np
import pytest

from blis.metrics.balance import balance_figures
from blis.metrics.fairness import fairness_figures, jain_index
from tests.metrics.served_examples import example


def test_the_published_example() -> None:
    assert jain_index(np.array([10.0, 20.0, 30.0])) == pytest.approx(0.857142857, abs=1e-9)  # 3600 / (3 · 1400)


def test_equal_values_are_fair_and_one_who_has_everything_is_not() -> None:
    assert jain_index(np.full(7, 0.3)) == pytest.approx(1.0, rel=1e-12)
    assert jain_index(np.array([0.0, 0.0, 5.0, 0.0])) == 0.25


def test_all_zero_is_all_equal_and_nobody_has_no_index() -> None:
    assert jain_index(np.zeros(3)) == 1.0
    assert jain_index(np.empty(0)) is None


@pytest.mark.parametrize("unit", [1e-200, 1e200])
def test_the_index_has_no_unit(unit: float) -> None:
    assert jain_index(np.array([10.0, 20.0, 30.0]) * unit) == pytest.approx(6 / 7, rel=1e-12)


def test_throughput_is_relative_to_what_a_tenant_asked_for() -> None:
    # of 0: 15 of 15 and 21 of 21 tokens; of 1: 0 of 37 and 0 of 49; the fifth had not arrived
    figures = fairness_figures(example(), np.array([0, 0, 1, 1, 2], np.int32), 3)

    assert figures["jain_throughput"] == 0.5  # shares 1 and 0
    assert figures["jain_latency"] == 1.0  # of one tenant alone


def test_a_small_tenant_that_is_served_whole_is_treated_alike() -> None:
    served = example()._replace(status=np.full(5, 3), e2e_us=np.array([10, 20, 30, 40, 50]) * 1000)

    figures = fairness_figures(served, np.array([0, 1, 1, 1, 1], np.int32), 2)

    assert figures["jain_latency"] == pytest.approx((10 + 35) ** 2 / (2 * (10**2 + 35**2)))
    whole = served._replace(arrived=np.ones(5, np.bool_))
    assert fairness_figures(whole, np.array([0, 1, 1, 1, 1], np.int32), 2)["jain_throughput"] == 1.0


def test_without_a_completed_request_there_is_no_latency_to_compare() -> None:
    served = example()._replace(status=np.full(5, 4))

    figures = fairness_figures(served, np.zeros(5, np.int32), 1)

    assert figures == {"jain_throughput": 1.0, "jain_latency": None}


def instances(routed: list[int], busy_us: list[int]):
    from types import SimpleNamespace

    return SimpleNamespace(
        routed_requests=np.array(routed), busy_us=np.array(busy_us), serving_us=np.full(len(routed), 10)
    )


def test_balance_is_the_largest_share_over_the_mean_share() -> None:
    assert balance_figures(instances([30, 10, 20], [5, 5, 5])) == {
        "routed_max_over_mean": 1.5,
        "busy_max_over_mean": 1.0,
    }
    assert balance_figures(instances([9, 0, 0], [0, 0, 0])) == {
        "routed_max_over_mean": 3.0,
        "busy_max_over_mean": None,
    }
