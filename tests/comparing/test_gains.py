import math

import numpy as np
import pytest

from blis.fitness.ratio import MOST
from evolve.comparing import Objective
from evolve.comparing.gains import gain
from evolve.comparing.intervals import effect
from evolve.records import Record


def _record(ttft: float | None, goodput: float | None, error: str | None = None) -> Record:
    return Record({"ttft": ttft, "goodput": goodput}, 10, error)


def test_gains_are_oriented_and_weighted(objectives: list[Objective]) -> None:
    found = gain(_record(50.0, 3.0), _record(100.0, 2.0), objectives)

    assert found.log_ratio == pytest.approx((math.log(2.0) + math.log(1.5)) / 2)
    assert found.n_undefined == 0


def test_a_gain_and_its_reverse_cancel(objectives: list[Objective]) -> None:
    one, other = _record(70.0, 3.3), _record(90.0, 1.1)

    assert gain(one, other, objectives).log_ratio == pytest.approx(-gain(other, one, objectives).log_ratio)


@pytest.mark.parametrize(
    ("ours", "theirs", "sign", "n_undefined"),
    [
        (_record(None, None, "stalled"), _record(1.0, 1.0), -1, 2),
        (_record(1.0, 1.0), _record(None, None, "stalled"), +1, 2),
        (_record(None, None, "stalled"), _record(None, None, "stalled"), 0, 2),
        (_record(1.0, 1.0, "figures of a failure do not count"), _record(1.0, 1.0), -1, 2),
        (_record(1.0, 0.0), _record(1.0, 2.0), -1, 1),
        (_record(0.0, 1.0), _record(3.0, 1.0), +1, 1),
        (_record(0.0, 0.0), _record(0.0, 0.0), 0, 0),
        (_record(float("nan"), 1.0), _record(1.0, 1.0), -1, 1),
    ],
)
def test_what_has_no_ratio_is_bounded_and_counted(
    ours: Record, theirs: Record, sign: int, n_undefined: int, objectives: list[Objective]
) -> None:
    found = gain(ours, theirs, objectives)

    assert np.sign(found.log_ratio) == sign
    assert abs(found.log_ratio) <= math.log(MOST) * (1 + 1e-12)
    assert found.n_undefined == n_undefined


def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    truth, n_seeds, trials = 0.03, 12, 400
    noise = np.random.default_rng(5).normal(truth, 0.1, (trials, 3, n_seeds))

    found = [effect(list(rows), 1, trial) for trial, rows in enumerate(noise)]

    percent = 100.0 * math.expm1(truth)
    covered = sum(one.low_percent <= percent <= one.high_percent for one in found) / trials
    assert 0.91 <= covered <= 0.98


def test_differences_between_scenarios_are_no_noise() -> None:
    found = effect([np.full(5, 0.3), np.full(5, -0.1)], 1, "x")

    assert found.low_percent == pytest.approx(found.high_percent)
    assert found.gain_percent == pytest.approx(100.0 * math.expm1(0.1))


def test_one_seed_tells_nothing_of_noise() -> None:
    assert effect([np.array([0.5])], 1, "x").reading == "unclear"


def test_intervals_are_reproducible() -> None:
    rows = [np.array([0.1, 0.2, -0.1, 0.3])]

    assert effect(rows, 7, "a") == effect(rows, 7, "a")
