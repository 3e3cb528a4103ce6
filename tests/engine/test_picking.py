"""How an instance is drawn by scores."""

import numpy as np
import pytest

from blis.engine._jit import plain
from blis.engine.choice import LOWEST_INDEX, draw_of
from blis.engine.picking import PICKERS, picked_instance

DRAWS = 6_000


def shares(scores: list[float], picker: str, best: int = 0, temperature: float = 0.0) -> np.ndarray:
    """How often each instance is picked."""
    place, values = PICKERS.index(picker), np.array(scores)
    picked = [
        picked_instance(
            values, np.arange(len(values)), place, best, temperature, draw_of(5, number), draw_of(99, number)
        )
        for number in range(DRAWS)
    ]
    return np.bincount(picked, minlength=len(scores)) / DRAWS


# Four standard deviations of a share of one half are 0.026.
NEAR = 0.026


def test_the_largest_is_picked_always() -> None:
    assert shares([0.2, 0.9, 0.3], "largest").tolist() == [0, 1, 0]


def test_a_draw_in_proportion_to_scores() -> None:
    assert shares([3.0, 1.0, 0.0], "weighted-random") == pytest.approx([0.75, 0.25, 0.0], abs=NEAR)
    assert shares([-3.0, 1.0, 1.0], "weighted-random") == pytest.approx([0.0, 0.5, 0.5], abs=NEAR)


@pytest.mark.parametrize("scores", [[0.0, 0.0], [-1.0, -5.0]])
def test_where_no_score_is_above_zero_all_are_alike(scores: list[float]) -> None:
    assert shares(scores, "weighted-random") == pytest.approx([0.5, 0.5], abs=NEAR)


@pytest.mark.parametrize(
    ("best", "expected"), [(1, [0, 1, 0, 0]), (2, [0, 0.5, 0, 0.5]), (0, [0.25] * 4), (9, [0.25] * 4)]
)
def test_any_of_so_many_best_ones(best: int, expected: list[float]) -> None:
    assert shares([0.1, 0.9, 0.2, 0.5], "random-of-best", best) == pytest.approx(expected, abs=NEAR)


def test_who_is_among_the_best_of_equals_is_drawn_as_ties_are() -> None:
    assert shares([1.0, 1.0, 1.0], "random-of-best", 1) == pytest.approx([1 / 3] * 3, abs=NEAR)
    lowest = picked_instance(np.ones(3), np.arange(3), PICKERS.index("random-of-best"), 1, 0.0, LOWEST_INDEX, 2**32 - 1)
    assert lowest == 0


def test_softmax_is_dynamos() -> None:
    # costs 10, 12, 20 at temperature 1: weights 1, exp(-0.2), exp(-1)
    assert shares([-10.0, -12.0, -20.0], "softmax", temperature=1.0) == pytest.approx([0.457, 0.374, 0.168], abs=NEAR)
    assert shares([-10.0, -12.0, -20.0], "softmax").tolist() == [1, 0, 0]
    assert shares([2.0, 2.0], "softmax", temperature=1.0) == pytest.approx([0.5, 0.5], abs=NEAR)


def test_one_instance_is_enough_and_the_compiler_changes_nothing() -> None:
    scores = np.array([0.3, 0.0, 0.7, 0.7])
    for place in range(len(PICKERS)):
        assert picked_instance(scores[:1], np.arange(1), place, 3, 0.5, LOWEST_INDEX, 2**32 - 1) == 0
        for number in range(50):
            draws = (draw_of(5, number), draw_of(99, number))
            given = (scores, np.arange(4), place, 3, 0.5, *draws)
            assert plain(picked_instance)(*given) == picked_instance(*given)


@pytest.mark.parametrize("picker", PICKERS)
def test_who_is_no_candidate_is_never_picked(picker: str) -> None:
    scores, candidates = np.array([9.0, 0.3, 9.0, 0.3, 0.9]), np.array([1, 3, 4])

    for number in range(300):
        draws = (draw_of(5, number), draw_of(99, number))
        assert picked_instance(scores, candidates, PICKERS.index(picker), 0, 1.0, *draws) in (1, 3, 4)
        assert picked_instance(scores * 0.0, candidates, PICKERS.index(picker), 0, 1.0, *draws) in (1, 3, 4)
