"""Searches whose training meets other members of its families in every generation, simulated for real."""

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from evolve.comparing.sequential import Precision
from evolve.evidence.gathering import gather
from evolve.evidence.options import Options
from evolve.evidence.page import html
from evolve.evidence.text import markdown
from evolve.outcome.run_folder import keep_config
from evolve.search.loop import Search
from evolve.search.setup import open_plan
from evolve.settings import Settings
from tests.families.small_family import write_family
from tests.search.conftest import SCORERS
from tests.search.synthetic import Listening

SCORED = {"routing": {"policy": "weighted", "scorers": [{"name": name, "weight": 1} for name in SCORERS[:2]]}}
GA = {"name": "ga", "population": 4, "offspring": 4, "crossover": 0.7, "tournament": 2, "patience": 3}
GENERATIONS = 3


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("families")
    one, two, three = (write_family(folder, name, num_requests=60) for name in ("one", "two", "three"))
    return {
        "names": {"problem": "weights", "suite": "small"},
        "problem": {"genes": {"routing": {"kind": "weights", "scorers": SCORERS}}, "seeds": {"even": SCORED}},
        "algorithm": GA,
        "suite": {
            "train": {"families": [one, two], "members": 2, "seeds": [1, 2]},
            "validation": {"families": [one], "members": 2, "seeds": [3]},
            "test": {"families": [one, three], "members": 2, "seeds": [4, 5]},
        },
        "baselines": {"least-loaded": {"routing": "least-loaded"}},
        "penalty": 0.25,
        "ladder": [{"seeds": 1, "num_requests": 30, "keep": 0.5}, {"seeds": 1}],
        "budget": {"generations": GENERATIONS},
        "finalists": 2,
        "seed": 5,
        "evaluator": "serial",
        "tracker": "none",
        "report": False,
    }


def searched(document: dict[str, Any], folder: Path, tracker: Listening | None = None) -> Search:
    folder.mkdir(exist_ok=True)
    plan, evaluator = open_plan(Settings.from_mapping(document), folder)
    search = Search(plan, tracker or Listening())
    try:
        search.run()
    finally:
        evaluator.close()
    return search


@pytest.fixture(scope="module")
def through(document: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("through")
    searched(document, folder)
    return folder


def rows_of(folder: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(folder / "history.parquet").to_pylist()
    return rows


def assert_same(one: Path, other: Path) -> None:
    for name in ("champion.yaml", "summary.md", "history.parquet"):
        assert (one / name).read_bytes() == (other / name).read_bytes()


def test_every_generation_meets_other_members_and_all_of_it_the_same(through: Path) -> None:
    met: dict[int, set[frozenset[str]]] = {}
    for generation in range(GENERATIONS):
        of_candidate: dict[tuple[str, int], set[str]] = {}
        for row in rows_of(through):
            if row["stage"] in ("search", "again") and row["generation"] == generation:
                of_candidate.setdefault((row["stage"], row["candidate"]), set()).add(row["scenario"])
        met[generation] = {frozenset(names) for names in of_candidate.values()}

    assert [len(names) for names in met.values()] == [1] * GENERATIONS
    sets = [next(iter(names)) for names in met.values()]
    assert all(len(names) == 4 for names in sets)
    assert len(frozenset.union(*sets)) == 4 * GENERATIONS


def test_no_role_meets_a_member_of_another(through: Path) -> None:
    by_stage: dict[str, set[str]] = {"search": set(), "final": set(), "test": set()}
    for row in rows_of(through):
        if row["stage"] in by_stage:
            by_stage[row["stage"]].add(row["scenario"])

    assert by_stage["test"] == {"one#3001", "one#3002", "three#3001", "three#3002"}
    assert not by_stage["search"] & by_stage["final"]
    assert not by_stage["final"] & by_stage["test"]


def test_each_member_has_seeds_of_its_own(through: Path) -> None:
    seeds: dict[str, set[int]] = {}
    for row in rows_of(through):
        if row["stage"] == "test":
            seeds.setdefault(row["scenario"], set()).add(row["seed"])

    assert [len(own) for own in seeds.values()] == [2] * 4
    assert len(set.union(*seeds.values())) == 8


def test_who_was_kept_is_judged_again_and_paid(document: dict[str, Any], through: Path) -> None:
    rows = rows_of(through)
    again = {row["generation"] for row in rows if row["stage"] == "again"}
    tracker = Listening()
    limited = {**document, "budget": {"evaluations": 70}}

    assert again == set(range(1, GENERATIONS))
    spending = searched(limited, through.parent / "limited", tracker).ledger.spending
    assert spending.generations >= 1
    assert spending.evaluations <= 70


def test_a_search_that_was_stopped_ends_in_the_same_bytes(
    document: dict[str, Any], through: Path, tmp_path: Path
) -> None:
    for generation in range(GENERATIONS):
        with pytest.raises(KeyboardInterrupt):
            searched(document, tmp_path, Listening(stop_at=generation, error=KeyboardInterrupt()))
    searched(document, tmp_path)

    assert_same(tmp_path, through)


def test_threads_find_the_same(document: dict[str, Any], through: Path, tmp_path: Path) -> None:
    searched({**document, "evaluator": {"name": "threads", "workers": 2}}, tmp_path)

    assert_same(tmp_path, through)


def test_another_seed_meets_other_members(document: dict[str, Any], through: Path, tmp_path: Path) -> None:
    searched({**document, "seed": 6}, tmp_path)

    ours, theirs = (
        {row["scenario"] for row in rows_of(one) if row["stage"] == "search"} for one in (through, tmp_path)
    )
    assert not ours & theirs


@pytest.mark.parametrize(
    "algorithm",
    [
        {"name": "random", "population": 4},
        {"name": "cmaes", "population": 4, "sigma": 0.3, "patience": 3},
        {"name": "islands", "islands": 2, "every": 1, "migrants": 1, "inner": {**GA, "population": 2, "offspring": 2}},
        {
            "name": "policy_iteration", "decisions": 6, "candidates": 3, "population": 3, "crossover": 0.7,
            "tournament": 2, "patience": 1,
        },
        {"name": "tpe", "population": 4, "candidates": 8},
        {"name": "cma_mae", "population": 4, "emitters": 1, "sigma": 0.3, "learning_rate": 0.1, "cells": 8},
    ],
    ids=lambda one: str(one["name"]),
)  # fmt: skip
def test_every_algorithm_can_be_stopped(document: dict[str, Any], tmp_path: Path, algorithm: dict[str, Any]) -> None:
    own = {**document, "algorithm": algorithm, "ladder": [{"seeds": 1, "num_requests": 30}]}
    searched(own, tmp_path / "through")
    with pytest.raises(KeyboardInterrupt):
        searched(own, tmp_path / "stopped", Listening(stop_at=1, error=KeyboardInterrupt()))
    searched(own, tmp_path / "stopped")

    assert_same(tmp_path / "stopped", tmp_path / "through")


def test_who_tells_behaviours_apart_sees_them_whatever_members_are_met(
    document: dict[str, Any], tmp_path: Path
) -> None:
    mae = {"name": "cma_mae", "population": 4, "emitters": 1, "sigma": 0.3, "learning_rate": 0.1, "cells": 8}
    search = searched({**document, "algorithm": mae, "ladder": [{"seeds": 1, "num_requests": 30}]}, tmp_path)

    told: Any = search.plan.algorithm.state()["told"]
    # Share of the prompt found in a cache, and the busiest instance's requests over the mean's, of every candidate.
    assert all(0.0 <= cached <= 1.0 <= uneven for outcomes in told for _, cached, uneven in outcomes)
    assert len({uneven for outcomes in told for *_, uneven in outcomes}) > 2


def test_the_summary_tells_what_to_expect_of_other_members(through: Path) -> None:
    summary = (through / "summary.md").read_text(encoding="utf-8")

    assert "On other members of one expect " in summary
    assert "of other families these say nothing, as the search left fewer than three unseen" in summary
    assert "- train: one (2 members anew in every generation), two (2 members anew in every generation)" in summary


def test_the_choice_is_repeated_without_whole_families_not_without_members(through: Path) -> None:
    summary = (through / "summary.md").read_text(encoding="utf-8")
    choice = summary.partition("## On what the choice rests\n\n")[2].partition("\n")[0]

    assert "whichever of the 2 is left out" in choice or choice.startswith("The choice HINGES on ")
    assert "#" not in choice


def test_the_champion_can_be_rerun_by_a_members_name(
    through: Path, document: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    import json

    from blis.policies.bundle import read_bundle
    from blis.run import main

    monkeypatch.chdir(tmp_path)
    recorded = read_bundle(through / "champion.yaml").lineage["runs"][-1]
    path = next(one for one in document["suite"]["test"]["families"] if Path(one).stem == "three")
    name = recorded["scenario"].replace("three", path)
    words = [f"scenario={name}", f"scenario.num_requests={recorded['num_requests']}", f"seed={recorded['seed']}"]
    capsys.readouterr()
    assert main([f"policies={through / 'champion.yaml'}", *words, "output=json"]) == 0

    metrics = json.loads(capsys.readouterr().out)
    shared = set(recorded["figures"]) & set(metrics)
    assert len(shared) > 20
    assert {one: metrics[one] for one in shared} == {one: recorded["figures"][one] for one in shared}
    assert any(note.startswith("three#3002 drew ") for note in metrics["notes"])


def test_the_report_tells_other_members_and_other_families_apart(document: dict[str, Any], tmp_path: Path) -> None:
    keep_config(tmp_path, Settings.from_mapping(document).document)
    searched(document, tmp_path)
    options = Options("serial", precision=Precision(0.5, 2, 8), sweep_seeds=2, random_search=False)
    dossier = gather(tmp_path, options, lambda question, count: None)

    plain = dossier.plain()
    assert "4 held-out members of 2 families" in dossier.verdict
    assert dossier.outlook is not None
    assert dossier.outlook.startswith("On other members of one expect ")
    assert plain["generalisation"]["known"] == ["one"]
    assert plain["generalisation"]["unknown"] == ["three"]
    assert plain["generalisation"]["families"] is None
    assert list(dossier.hardest.families) == ["one", "three"]
    assert "By family, with intervals over its members:" in markdown(dossier)
    assert dossier.outlook in html(dossier).replace("&#x27;", "'")
