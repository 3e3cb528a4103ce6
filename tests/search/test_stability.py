"""The finals with a scenario left out: who would have won, and what people are told."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from blis.policies.bundle import read_bundle
from evolve.outcome.stability import stability, stability_text
from evolve.problem import Problem
from evolve.records import Score
from evolve.search.loop import Search
from tests.search.synthetic import Listening, make_search

NAMES = ["finalist 1", "preble", "finalist 3"]


def scores(*rows: Mapping[str, float]) -> list[dict[str, Score]]:
    return [{scenario: Score((value,)) for scenario, value in row.items()} for row in rows]


def test_a_champion_that_leads_everywhere_hinges_on_nothing() -> None:
    found = stability(scores({"a": 1.2, "b": 1.1}, {"a": 1.0, "b": 1.0}, {"a": 0.9, "b": 1.05}), [1.0, 1.0, 1.0])

    assert found.places == {"a": (1, 2, 3), "b": (1, 3, 2)}
    assert found.hinges == ()
    assert stability_text(found, NAMES) == (
        "The choice hinges on no single scenario: the champion stays first whichever of the 2 is left out. It is "
        "closest without b, where it leads by 4.76 %."
    )


def test_scenarios_without_which_another_would_win_are_named_with_the_winner() -> None:
    found = stability(
        scores({"a": 1.2, "b": 1.0, "c": 1.0}, {"a": 1.0, "b": 1.1, "c": 0.9}, {"a": 0.9, "b": 1.0, "c": 1.01}),
        [1.0, 1.0, 1.0],
    )

    assert found.hinges == ("b", "c")  # the one that costs most first
    assert stability_text(found, NAMES) == (
        "The choice HINGES on b and c: without b, preble would be champion, ahead by 10.00 %; without c, finalist 3 "
        "would be champion, ahead by 1.00 %."
    )


def test_of_many_scenarios_the_costliest_are_told_and_the_others_named() -> None:
    ours = {"a": 0.9, "b": 0.8, "c": 0.7, "d": 0.6}

    text = stability_text(stability(scores(ours, dict.fromkeys(ours, 1.0)), [1.0, 1.0]), NAMES)

    assert text.startswith(
        "The choice HINGES on d, c, b and a: without d, preble would be champion, ahead by 66.67 %; "
    )
    assert text.endswith("ahead by 25.00 %; and without 1 more somebody else, too.")


def test_of_equals_the_simpler_one_wins_and_then_whoever_won_before() -> None:
    assert stability(scores({"a": 1.0}, {"a": 1.0}), [2.0, 1.0]).places == {"a": (2, 1)}
    assert stability(scores({"a": 1.0}, {"a": 1.0}), [1.0, 1.0]).places == {"a": (1, 2)}


def test_who_breaks_constraints_without_a_scenario_does_not_win_there() -> None:
    broken = {"a": Score((2.0,), violation=0.1)}

    found = stability([{"a": Score((1.0,))}, broken], [1.0, 1.0])

    assert found.places == {"a": (1, 2)}
    assert found.leads == {"a": 1.0}


def test_nothing_to_leave_out_and_nobody_else_are_said() -> None:
    assert "nothing can be left out" in stability_text(stability([{}, {}], [1.0, 1.0]), NAMES)
    assert "nobody else" in stability_text(stability(scores({"a": 1.0, "b": 1.0}), [1.0]), NAMES)


@pytest.fixture
def search(problem: Problem, tmp_path: Path) -> Search:
    return make_search(problem, tmp_path, Listening(), generations=3)


def test_a_search_says_on_what_the_choice_rests(search: Search, problem: Problem) -> None:
    """Two roles of one scenario each: without the one, the other alone decides."""
    search.run()
    summary = (search.plan.folder / "summary.md").read_text(encoding="utf-8")

    assert "## On what the choice rests" in summary
    assert "| champion: " in summary
    assert "stays first whichever of the 2 is left out" in summary


def test_a_scenario_that_keeps_another_from_winning_is_named(search: Search) -> None:
    """One of the finalists is made ten times as good in validation, and ten times as bad in training."""
    judge: Any = search.plan.judge
    score = judge.score

    def changed(phenotypes: Any, role: str, seeds: Any, *rest: Any) -> Any:
        judged = score(phenotypes, role, seeds, *rest)
        if list(seeds) != list(search.plan.suite.seeds["validation"]) or len(phenotypes) < 2:
            return judged
        worst = min(range(len(judged)), key=lambda place: judged[place].score.fitness)
        factor = 10.0 if role == "validation" else 0.1
        judged[worst] = replace(judged[worst], score=Score((judged[worst].score.fitness * factor,)))
        return judged

    judge.score = changed
    search.run()

    summary = (search.plan.folder / "summary.md").read_text(encoding="utf-8")
    champion = read_bundle(search.plan.folder / "champion.yaml")
    assert "The choice HINGES on train-scenario: without train-scenario, " in summary
    assert champion.lineage["choice"] in summary
