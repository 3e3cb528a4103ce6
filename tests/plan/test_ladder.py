from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from blis.foundation.errors import ConfigError
from evolve.plan.ladder import Ladder, Rung
from evolve.records import Phenotype, Score

RUNGS = [{"num_requests": 100, "seeds": 1, "keep": 0.5}, {"num_requests": 400, "seeds": 2, "keep": 0.3}, {"seeds": 4}]


def scored(worths: dict[str, float], asked: list[tuple[str, int]] | None = None) -> Any:
    """A judge that knows every phenotype's worth, and notes whom it was asked about on which rung."""

    def judge(phenotypes: Sequence[Phenotype], rung: Rung) -> list[Any]:
        names = [str(phenotype.policies["routing"]) for phenotype in phenotypes]
        if asked is not None:
            asked.extend((name, rung.seeds) for name in names)
        return [SimpleNamespace(score=Score((worths[name],))) for name in names]

    return judge


def phenotypes(count: int) -> list[Phenotype]:
    return [Phenotype({"routing": f"p{place}"}) for place in range(count)]


def test_the_better_half_climbs() -> None:
    ladder = Ladder.from_list("ladder", RUNGS)
    worths = {f"p{place}": 1.0 + (place * 7 % 10) / 10 for place in range(10)}
    asked: list[tuple[str, int]] = []

    climbs = ladder.climb(phenotypes(10), scored(worths, asked))

    order = sorted(worths, key=worths.__getitem__, reverse=True)
    assert {name for name, seeds in asked if seeds == 2} == set(order[:5])
    assert {name for name, seeds in asked if seeds == 4} == set(order[:2])
    assert [len(climb.judgements) for climb in climbs] == [
        3 if name in order[:2] else 2 if name in order[:5] else 1 for name in worths
    ]


def test_who_was_left_behind_ranks_below_even_with_a_better_score() -> None:
    ladder = Ladder.from_list("ladder", RUNGS[:1] + RUNGS[2:])

    def judge(candidates: Sequence[Phenotype], rung: Rung) -> list[Any]:
        is_short = rung.num_requests == 100
        worth = {"p0": 9.0 if is_short else 0.01, "p1": 8.0}
        return [SimpleNamespace(score=Score((worth[str(one.policies["routing"])],))) for one in candidates]

    survivor, eliminated = ladder.climb(phenotypes(2), judge)

    assert survivor.score.rungs_short == 0
    assert eliminated.score.rungs_short == 1
    assert survivor.score.values > eliminated.score.values


def test_values_order_rungs_then_feasibility_then_worth() -> None:
    best_first = [
        Score((2.0,)), Score((0.5,)), Score((9.0,), violation=0.1), Score((9.0,), violation=1e9),
        Score((3.0,), rungs_short=1), Score((2.0,), rungs_short=1), Score((9.0,), violation=0.1, rungs_short=1),
        Score((9.0,), rungs_short=2),
    ]  # fmt: skip
    values = [score.values for score in best_first]

    assert values == sorted(values, reverse=True)
    assert len(set(values)) == len(values)


def test_cost_is_what_is_judged_at_most() -> None:
    ladder = Ladder.from_list("ladder", RUNGS)
    scenarios: Any = [
        SimpleNamespace(requests_at=lambda asked, whole=whole: whole if asked is None else min(asked, whole))
        for whole in (300, 1000)
    ]
    asked: list[tuple[str, int]] = []
    ladder.climb(phenotypes(10), scored({f"p{place}": 1.0 for place in range(10)}, asked))

    cost = ladder.cost(10, scenarios)

    assert cost.evaluations == 2 * sum(seeds for _, seeds in asked) == 2 * (10 + 5 * 2 + 2 * 4)
    assert cost.requests == 10 * 200 + 5 * 2 * (300 + 400) + 2 * 4 * 1300


@pytest.mark.parametrize(
    ("rungs", "message"),
    [
        ([], "ladder must be a list of rungs"),
        ("fast", "ladder must be a list of rungs"),
        ([{"seeds": 0}], r"ladder\[0\].seeds must be an int ≥ 1"),
        ([{"seed": 1}], r"ladder\[0\]: unknown key 'seed'"),
        ([{"seeds": 1, "keep": 0.5}], "absent or 1 on the last rung"),
        ([{"seeds": 1}, {"seeds": 2}], r"ladder\[0\]: key 'keep' is required"),
        ([{"seeds": 1, "keep": 0}, {"seeds": 2}], r"keep must be a finite number > 0"),
        ([{"seeds": 2, "keep": 0.5}, {"seeds": 1}], r"ladder\[1\] must have no fewer"),
        ([{"seeds": 1, "keep": 0.5}, {"seeds": 1, "num_requests": 5}], r"ladder\[1\] must have no fewer"),
    ],
)
def test_wrong_ladders_are_refused(rungs: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Ladder.from_list("ladder", rungs)
