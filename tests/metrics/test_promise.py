"""How late everybody was, by what their classes were promised."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blis.engine.codes import COMPLETED, REJECTED, RUNNING
from blis.engine.judging import LATEST, Judgement, judged
from blis.metrics.promise import geometric_mean
from blis.result import simulate
from blis.scenario import Scenario

NONE = math.inf


def judge(times, bounds, outputs=None, status=None) -> Judgement:
    """Judge requests that complete with these TTFT, times between tokens and E2E, each of a class of its own."""
    ttft_us, itl_us, e2e_us = np.array(times, float).T
    n = len(times)
    status = np.full(n, COMPLETED) if status is None else np.array(status)
    outputs = np.full(n, 2) if outputs is None else np.array(outputs)
    return judged(status, np.zeros(n), ttft_us, itl_us, e2e_us, outputs, np.arange(n), np.array(bounds, float), 0)


def test_the_worst_time_over_its_target_counts_and_nobody_is_earlier_than_in_time() -> None:
    times = [[50, 9.0, 500], [300, 9.0, 500], [50, 30.0, 2500], [1e9, np.nan, 1e9]]

    found = judge(times, [(100.0, 10.0, 1000.0)] * 4)

    assert found.lateness.tolist() == [1.0, 3.0, 3.0, LATEST]
    assert found.meets_slo.tolist() == [True, False, False, False]


def test_who_did_not_complete_is_as_late_as_can_be_even_without_a_target() -> None:
    found = judge([[-1, np.nan, -1]] * 2, [(NONE, NONE, NONE)] * 2, status=[REJECTED, COMPLETED])

    assert found.lateness.tolist() == [LATEST, 1.0]


def test_the_promised_time_is_that_of_first_and_further_tokens_or_of_the_whole_if_that_is_less() -> None:
    targets = [(100.0, 10.0, NONE), (100.0, 10.0, 50.0), (100.0, NONE, NONE), (100.0, NONE, NONE), (5.0, 5.0, 5.0)]
    status = [COMPLETED] * 4 + [RUNNING]

    used = judge([[1, 1.0, 100]] * 5, targets, [11, 11, 1, 2, 7], status).promised_time_used

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
