"""A new policy becomes champion where it is surely better than what is known."""

import math
from pathlib import Path

import numpy as np
import pytest

from blis.fitness.objectives import OBJECTIVES as FIGURES
from blis.policies.bundle import read_bundle
from evolve.comparing import Objective
from evolve.outcome.lead import Lead, lead_of
from evolve.problem import Problem
from evolve.records import Record
from evolve.search import finals
from tests.search.synthetic import Listening, make_search

OBJECTIVES = [Objective("ttft-p99", 1.0, FIGURES["ttft_p99_ms"], lambda record: record.figures["ttft_p99_ms"])]


def records(*values: float) -> list[Record]:
    return [Record({"ttft_p99_ms": value}, 100) for value in values]


def test_of_single_scenarios_the_seeds_are_the_sample() -> None:
    gains = np.array([[0.1, 0.3], [0.0, 0.4]])
    ours = {name: records(*np.exp(-row)) for name, row in zip("ab", gains, strict=True)}
    theirs = {name: records(1.0, 1.0) for name in "ab"}

    mean, error = lead_of(ours, theirs, [["a"], ["b"]], OBJECTIVES)

    assert mean == pytest.approx(0.2)
    assert error == pytest.approx(math.sqrt(0.02 / 2 + 0.08 / 2) / 2)


def test_of_a_family_the_members_are_the_sample() -> None:
    """Seeds of one member are no independent witnesses of the family."""
    gains = {"a#1": [0.1, 0.3], "a#2": [0.4, 0.4]}
    ours = {name: records(*np.exp(-np.array(row))) for name, row in gains.items()}
    theirs = {name: records(1.0, 1.0) for name in gains}

    mean, error = lead_of(ours, theirs, [["a#1", "a#2"]], OBJECTIVES)

    assert mean == pytest.approx(0.3)
    assert error == pytest.approx(0.1)


@pytest.mark.parametrize(("gain", "error", "is_luck"), [(0.1, 0.05, False), (0.05, 0.05, True), (-0.1, 0.01, True)])
def test_a_lead_within_its_error_is_luck(gain: float, error: float, is_luck: bool) -> None:
    assert Lead("sjf", "finalist 1", gain, error).is_luck == is_luck


def test_of_a_single_run_nothing_is_known_and_the_best_one_wins() -> None:
    mean, error = lead_of({"a": records(0.5)}, {"a": records(1.0)}, [["a"]], OBJECTIVES)

    assert math.isnan(error)
    assert not Lead("sjf", "finalist 1", mean, error).is_luck


def test_a_search_that_finds_nothing_better_answers_with_what_is_known(
    problem: Problem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finals, "lead_of", lambda *asked: (0.01, 0.02))
    search = make_search(problem, tmp_path, Listening(), generations=2)
    search.run()

    summary = (search.plan.folder / "summary.md").read_text(encoding="utf-8")
    assert "is champion, as nothing that was found leads it by more than luck" in summary
    assert "is ahead by 1.01 %, with a standard error of 2.02 %" in summary
    champion = read_bundle(search.plan.folder / "champion.yaml")
    assert champion.lineage["genome"] in list(problem.seeds.values())
