"""Searches that take lessons, simulated for real."""

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from evolve.plan.budget import Spending
from evolve.search import checkpoint
from evolve.search.loop import Search
from evolve.search.setup import open_plan
from evolve.settings import Settings
from tests.search.conftest import SCORERS
from tests.search.synthetic import Listening
from tests.trials.small_suite import SCENARIO

BUDGET = 16_000
SCORED = {"routing": {"policy": "weighted", "scorers": [{"name": name, "weight": 1} for name in SCORERS[:2]]}}


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    file = tmp_path_factory.mktemp("scenario") / "narrow.yaml"
    file.write_text(SCENARIO.format(num_requests=120, running=8))
    suite = {
        "train": {"scenarios": [str(file)], "seeds": [1, 2]},
        "validation": {"scenarios": [{"name": str(file), "load": 1.1}], "seeds": [3]},
        "test": {"scenarios": [{"name": str(file), "load": 1.2}], "seeds": [4]},
    }
    algorithm = {
        "name": "policy_iteration", "decisions": 12, "candidates": 6, "population": 6, "crossover": 0.7,
        "tournament": 2, "patience": 1,
    }  # fmt: skip
    return {
        "names": {"problem": "weights", "suite": "small"},
        "problem": {"genes": {"routing": {"kind": "weights", "scorers": SCORERS}}, "seeds": {"even": SCORED}},
        "algorithm": algorithm,
        "suite": suite,
        "baselines": {"least-loaded": {"routing": "least-loaded"}},
        "penalty": 0.25,
        "ladder": [{"seeds": 1, "num_requests": 60, "keep": 0.5}, {"seeds": 1}],
        "budget": {"requests": BUDGET},
        "finalists": 2,
        "seed": 5,
        "evaluator": "serial",
        "tracker": "none",
        "report": False,
    }


def searched(document: dict[str, Any], folder: Path, tracker: Listening | None = None) -> Spending:
    folder.mkdir(exist_ok=True)
    plan, evaluator = open_plan(Settings.from_mapping(document), folder)
    search = Search(plan, tracker or Listening())
    try:
        search.run()
    finally:
        evaluator.close()
    saved = checkpoint.load(folder)
    assert saved is not None
    return Spending.from_state(saved.spending)


@pytest.fixture(scope="module")
def through(document: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Spending]:
    folder = tmp_path_factory.mktemp("through")
    return folder, searched(document, folder)


def assert_same(one: Path, other: Path) -> None:
    for name in ("champion.yaml", "summary.md", "history.parquet"):
        assert (one / name).read_bytes() == (other / name).read_bytes(), name


def test_lessons_are_paid_and_the_budget_is_kept(through: tuple[Path, Spending]) -> None:
    folder, spending = through
    rows = pq.read_table(folder / "history.parquet").to_pylist()
    simulated = [row for row in rows if row["stage"] == "search" and not row["cache_hit"]]

    assert spending.lesson_requests > 0
    assert spending.requests == spending.lesson_requests + sum(row["simulated_requests"] for row in simulated)
    assert spending.requests <= BUDGET
    assert spending.evaluations > len(simulated)


@pytest.mark.parametrize("evaluator", [{"name": "threads", "workers": 3}, {"name": "threads", "workers": 1}])
def test_the_evaluator_changes_nothing(
    document: dict[str, Any], through: tuple[Path, Spending], tmp_path: Path, evaluator: dict[str, Any]
) -> None:
    spending = searched({**document, "evaluator": evaluator}, tmp_path)

    assert spending == through[1]
    assert_same(tmp_path, through[0])


def test_stopping_after_every_generation_changes_nothing(
    document: dict[str, Any], through: tuple[Path, Spending], tmp_path: Path
) -> None:
    generation, stops = 0, 0
    while True:
        tracker = Listening(stop_at=generation, error=KeyboardInterrupt())
        try:
            spending = searched(document, tmp_path, tracker)
            break
        except KeyboardInterrupt:
            generation, stops = generation + 1, stops + 1

    assert stops >= 3
    assert spending == through[1]
    assert_same(tmp_path, through[0])
