"""Who is judged again: the fittest, and those that are most unlike them."""

from types import SimpleNamespace
from typing import Any

from evolve.records import Score
from evolve.search.finals import finalists
from evolve.selection.individual import Individual
from evolve.selection.ranking import diverse


def individual(fitness: float) -> Individual:
    return Individual({}, Score((fitness,)), f"{fitness}", 1.0)


def test_half_are_the_fittest_and_half_are_unlike_them() -> None:
    pool = [individual(2.0 - place / 10) for place in range(6)]
    values = [[0.0, 0.0], [0.1, 0.0], [0.1, 0.1], [0.2, 0.1], [5.0, 0.0], [0.0, -3.0]]

    chosen = diverse(pool, values, 4)

    assert [one.digest for one in chosen] == ["2.0", "1.9", "1.6", "1.5"]


def test_few_are_all_taken_and_equal_ones_are_no_trouble() -> None:
    pool = [individual(1.0 + place) for place in range(3)]

    assert diverse(pool, [[1.0]] * 3, 5) == pool
    assert len(diverse(pool, [[1.0]] * 3, 2)) == 2


def test_of_a_front_its_ends_are_judged_again_however_low_their_mean_is() -> None:
    middle = [(1.5 + place / 100, 1.5 - place / 100) for place in range(-3, 4)]
    front = [Individual({}, Score(pair), f"{pair[0]:.2f}", 1.0) for pair in [(0.2, 2.0), *middle, (2.0, 0.2)]]
    plan: Any = SimpleNamespace(objectives=("ttft-p99", "goodput"), finalists=4)

    chosen = finalists(plan, sorted(front, key=lambda one: one.score.fitness, reverse=True))

    assert {"0.20", "2.00"} < {one.digest for one in chosen}
    assert len(chosen) == 4
