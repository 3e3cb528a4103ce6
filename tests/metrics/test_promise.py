"""How late everybody was, by what their classes were promised."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blis.metrics.promise import LATEST, geometric_mean, lateness, promised_time_used
from blis.result import simulate
from blis.scenario import Scenario

NONE = math.inf


def bounds(*rows: tuple[float, float, float]) -> np.ndarray:
    return np.array(rows, float)


def test_the_worst_time_over_its_target_counts_and_nobody_is_earlier_than_in_time() -> None:
    times = np.array([[50.0, 9.0, 500.0], [300.0, 9.0, 500.0], [50.0, 30.0, 2500.0], [1e9, np.nan, 1e9]])
    targets = bounds(*[(100.0, 10.0, 1000.0)] * 4)

    found = lateness(times, targets, np.array([True] * 4))

    assert found.tolist() == [1.0, 3.0, 3.0, LATEST]


def test_who_did_not_complete_is_as_late_as_can_be_even_without_a_target() -> None:
    times = np.array([[-1.0, np.nan, -1.0]])

    assert lateness(times, bounds((NONE, NONE, NONE)), np.array([False])).tolist() == [LATEST]
    assert lateness(times, bounds((NONE, NONE, NONE)), np.array([True])).tolist() == [1.0]


def test_the_promised_time_is_that_of_first_and_further_tokens_or_of_the_whole_if_that_is_less() -> None:
    targets = bounds(
        (100.0, 10.0, NONE), (100.0, 10.0, 50.0), (100.0, NONE, NONE), (100.0, NONE, NONE), (5.0, 5.0, 5.0)
    )
    outputs = np.array([11, 11, 1, 2, 7])

    used = promised_time_used(np.array([100.0] * 5), outputs, targets, np.array([True, True, True, True, False]))

    assert used[:3].tolist() == [0.5, 2.0, 1.0]
    assert np.isnan(used[3])  # the second token was promised for no time
    assert used[4] == LATEST


@given(st.lists(st.floats(0.01, 100.0), min_size=1))
def test_the_mean_is_between_and_halves_and_doubles_alike(values: list[float]) -> None:
    mean = geometric_mean(np.array(values))

    assert mean is not None
    assert min(values) * (1 - 1e-9) <= mean <= max(values) * (1 + 1e-9)
    assert geometric_mean(1 / np.array(values)) == pytest.approx(1 / mean)


def test_there_is_no_mean_of_none() -> None:
    assert geometric_mean(np.zeros(0)) is None


def test_a_run_tells_both_and_rejecting_everybody_is_the_worst_there_is() -> None:
    affine = {"kind": "affine", "alpha_us": [1, 0, 0], "beta_us": [7000, 20, 60]}
    mapping = {
        "cluster": {"kv_blocks": 4000, "latency": affine},
        "workload": {"kind": "distribution", "preset": "chatbot", "num_requests": 40, "rate": 5.0},
        "slo": {"default": {"ttft_ms": 2000, "itl_ms": 200}},
    }

    served = simulate(Scenario.from_mapping(mapping)).figures()
    refused = simulate(Scenario.from_mapping({**mapping, "policies": {"admission": "reject-all"}})).figures()

    assert served["lateness"] == 1.0
    assert 0.0 < (served["promised_time_used"] or 0.0) < 0.5
    assert refused["lateness"] == refused["promised_time_used"] == pytest.approx(LATEST)
