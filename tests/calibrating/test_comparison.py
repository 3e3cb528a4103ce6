"""Figures of pairs: by hand, and where formulas of other tools go wrong."""

import numpy as np
import pytest

from blis.calibrating.bands import band
from blis.calibrating.comparison import compare, ks_distance, pearson
from blis.calibrating.resampling import drawn_rows, intervals


def test_figures_of_three_pairs() -> None:
    found = compare(np.array([100.0, 200.0, 400.0]), np.array([110.0, 190.0, 420.0]))
    assert found is not None
    assert found.mape == pytest.approx(0.2 / 3)  # (0.1 + 0.05 + 0.05) / 3
    assert found.bias == pytest.approx(20 / 700)
    assert found.direction == "over-predicts"
    assert found.pearson == pytest.approx(0.99662, abs=1e-5)
    assert band(found) == "excellent"


def test_zeros_have_no_relative_error_and_are_counted() -> None:
    found = compare(np.array([0.0, 100.0]), np.array([50.0, 110.0]))
    assert found is not None
    assert (found.mape, found.n_zero) == (pytest.approx(0.1), 1)


def test_of_nothing_there_are_no_figures() -> None:
    assert compare(np.zeros(0), np.zeros(0)) is None
    assert band(None) == "not judged"


def test_two_pairs_are_not_judged_however_near() -> None:
    found = compare(np.array([100.0, 200.0]), np.array([100.0, 200.0]))
    assert found is not None
    assert found.pearson is None
    assert band(found) == "not judged"


def test_correlation_of_large_values_that_hardly_differ() -> None:
    small = np.array([1.0, 2.0, 4.0, 3.0, 7.0])
    # One-pass sums lose all digits here: n·Σx² is about 2.5e25, and what matters of it is 115.
    assert pearson(small + 1e12, 3 * small + 1e12) == pytest.approx(1.0, abs=1e-6)


def test_equal_values_have_no_correlation_and_the_error_alone_decides() -> None:
    found = compare(np.full(50, 10.0), np.full(50, 10.5))
    assert found is not None
    assert found.pearson is None
    assert band(found) == "excellent"


@pytest.mark.parametrize(
    ("factor", "expected"), [(1.05, "excellent"), (1.15, "good"), (1.3, "directional"), (1.5, "unusable")]
)
def test_bands_follow_the_error(factor: float, expected: str) -> None:
    real = np.linspace(10.0, 100.0, 40)
    assert band(compare(real, factor * real)) == expected


def test_a_small_error_in_the_wrong_order_is_unusable() -> None:
    real = np.linspace(80.0, 300.0, 40)
    assert band(compare(real, np.full(40, 150.0))) == "unusable"


def test_ks_distance_of_a_shift() -> None:
    values = np.arange(10.0)
    assert ks_distance(values, values) == 0
    assert ks_distance(values, values + 100) == 1
    assert ks_distance(values, values + 3) == pytest.approx(0.3)


def test_intervals_hold_the_figures_and_are_the_same_for_the_same_seed() -> None:
    random = np.random.default_rng(3)
    real = random.uniform(10, 100, 300)
    guess = real * random.normal(1.1, 0.1, 300)
    first, second = (intervals(real, guess, 200, 0.9, np.random.default_rng(5)) for _ in range(2))
    assert first == second
    found = compare(real, guess)
    assert found is not None
    assert found.mape is not None
    assert first.mape is not None
    assert first.mape[0] < found.mape < first.mape[1]


def test_errors_that_stay_together_make_intervals_wider() -> None:
    random = np.random.default_rng(0)
    real = np.full(400, 100.0)
    together = real * np.repeat(random.normal(1.0, 0.1, 20), 20)
    widths = [
        intervals(real, guess, 300, 0.9, np.random.default_rng(1)).bias
        for guess in (together, np.sort(together)[np.random.default_rng(2).permutation(400)])
    ]
    assert widths[0] is not None
    assert widths[1] is not None
    assert widths[0][1] - widths[0][0] > 2 * (widths[1][1] - widths[1][0])


def test_draws_are_stretches_of_neighbours() -> None:
    rows = drawn_rows(100, np.random.default_rng(1))
    assert len(rows) == 100
    assert (np.diff(rows) == 1).sum() >= 89
