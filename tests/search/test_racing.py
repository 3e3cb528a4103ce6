"""Sequential halving: who is best is found by fewer runs than judging everybody to the end takes."""

from collections.abc import Sequence

import numpy as np
import pytest

from evolve.search.racing import race, rounds


def test_rounds_double_and_end_with_all_seeds() -> None:
    assert rounds(8) == [2, 4, 8]
    assert rounds(10) == [2, 4, 8, 10]
    assert rounds(2) == [2]
    assert rounds(1) == [1]


def test_the_worse_half_goes_home_after_each_round() -> None:
    asked: list[tuple[list[float], int]] = []

    def judge(left: Sequence[float], n_seeds: int) -> list[float]:
        asked.append((list(left), n_seeds))
        return list(left)

    places = race([3.0, 9.0, 1.0, 7.0, 5.0], judge, lambda one: one, [2, 4, 8])

    assert [place.judged for place in places] == [9.0, 7.0, 5.0, 3.0, 1.0]
    assert [place.n_seeds for place in places] == [8, 8, 4, 2, 2]
    assert asked == [([3.0, 9.0, 1.0, 7.0, 5.0], 2), ([9.0, 7.0, 5.0], 4), ([9.0, 7.0], 8)]


def test_of_equals_the_earlier_one_stays() -> None:
    places = race(["a", "b"], lambda left, _: left, lambda _: 0, [2, 4])

    assert [place.judged for place in places] == ["a", "b"]


def test_one_alone_is_judged_to_the_end() -> None:
    assert race([1.0], lambda left, _: left, lambda one: one, [2, 4, 8])[0].n_seeds == 8


@pytest.mark.parametrize("gap", [1.0, 2.0])
def test_a_race_ends_with_the_best_about_as_often_as_judging_all_with_all_seeds(gap: float) -> None:
    """Twelve contenders whose runs vary by 1, the best of them ahead by `gap` deviations of a full judgement."""
    random = np.random.default_rng(7)
    worth = np.array([gap / np.sqrt(8), *np.zeros(11)])
    won = full = 0
    for _ in range(400):
        runs = worth[:, None] + random.normal(size=(12, 8))

        def judge(left: Sequence[int], n_seeds: int, runs: np.ndarray = runs) -> list[tuple[float, int]]:
            return [(float(runs[one, :n_seeds].mean()), one) for one in left]

        won += race(range(12), judge, lambda one: one[0], rounds(8))[0].judged[1] == 0
        full += int(runs.mean(axis=1).argmax()) == 0
    assert won > 0.8 * full
    assert won > 400 / 12 * 1.5
