"""What candidates are worth over generations that were not alike."""

import numpy as np
import pytest

from evolve.records import Score
from evolve.search.standings import Standings


def scores(**values: float) -> dict[str, Score]:
    return {name: Score((value,)) for name, value in values.items()}


def test_an_easy_generation_makes_nobody_better() -> None:
    standings = Standings()
    standings.again({})
    first = standings.fresh(scores(kept=1.2))
    # twice as easy for everybody: the newcomer is as good as the one who was kept
    again = standings.again(scores(kept=2.4))
    fresh = standings.fresh(scores(newcomer=2.4))

    assert first["kept"].fitness == pytest.approx(1.2)
    assert again["kept"].fitness == pytest.approx(1.2)
    assert fresh["newcomer"].fitness == pytest.approx(1.2)


def test_luck_is_worn_away_by_staying() -> None:
    """True worths are alike but for one; who is best after many generations is that one, whatever its luck was."""
    random = np.random.default_rng(4)
    truth = {"best": 0.2, **{f"other-{place}": 0.0 for place in range(11)}}

    def generation() -> dict[str, Score]:
        ease = random.normal(0.0, 0.5)
        return scores(**{name: float(np.exp(worth + ease + random.normal(0.0, 0.15))) for name, worth in truth.items()})

    found = []
    for _ in range(20):
        standings = Standings()
        standings.again({})
        standings.fresh(generation())
        for _ in range(24):
            known = standings.again(generation())
        found.append(max(known, key=lambda name: known[name].fitness))

    assert found.count("best") >= 18


def test_one_broken_generation_bars_nobody_for_ever() -> None:
    standings = Standings()
    standings.again({})
    standings.fresh({"one": Score((1.0,), 0.3)})
    after_two = standings.again({"one": Score((1.0,))})["one"]
    after_three = standings.again({"one": Score((1.0,))})["one"]

    assert not after_two.is_feasible
    assert after_three.is_feasible


def test_who_is_proposed_again_counts_once() -> None:
    standings = Standings()
    standings.again({})
    standings.fresh(scores(kept=1.0))
    again = standings.again(scores(kept=1.5))
    fresh = standings.fresh(scores(kept=1.5))

    assert fresh == again


def test_rows_of_a_history_give_the_same_standings() -> None:
    lived, restored = Standings(), Standings()
    rows = []
    for generation, (again, fresh) in enumerate(
        [({}, {"a": 1.1, "b": 0.9}), ({"a": 1.4}, {"c": 1.3}), ({"a": 1.0, "c": 1.2}, {})]
    ):
        lived.again(scores(**again))
        lived.fresh(scores(**fresh))
        for stage, judged in (("again", again), ("search", fresh)):
            rows += [
                {
                    "stage": stage,
                    "generation": generation,
                    "digest": name,
                    "objectives": [value],
                    "violation": 0.0,
                    "rungs_short": 0,
                }
                for name, value in judged.items()
            ]
    rows.append({**rows[0], "digest": "eliminated", "rungs_short": 1})
    restored.restore(rows)

    last = scores(a=0.8, c=1.6)
    assert restored.again(last) == lived.again(last)
