"""Searches to which somebody outside proposes source, from the first candidate to a champion that runs again."""

import importlib.util
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from blis.foundation.errors import ConfigError
from blis.policies.bundle import read_bundle
from evolve.bridges.judging import Judging, read_proposals
from evolve.bridges.packages.skydiscover_evaluator import in_sections
from evolve.bridges.verdict import FAILED, JUDGED, LEAST_MERIT, REFUSED
from evolve.evidence.options import Options
from evolve.evidence.rivals import random_search_rival
from evolve.evidence.searched import read_run
from evolve.evidence.sensitivity import changed_numbers
from evolve.judging.baselines import bundle_policies
from evolve.records import Task
from evolve.trials.evaluation import evaluate
from evolve.trials.workloads import Workloads, key_of
from tests.bridges.conftest import BETTER, FAILING, script
from tests.bridges.conftest import REFUSED as NOT_IN_THE_DIALECT
from tests.bridges.scripted_model import scripted_model

Searching = Callable[..., Judging]
ASKING = {"iterations": 3, "model": "scripted", "temperature": 0.5, "max_tokens": 500, "timeout_s": 20, "most": 1}
GEPA = {"name": "gepa", **ASKING, "minibatch": 2}
OPENEVOLVE = {"name": "openevolve", **ASKING, "population": 10, "islands": 1, "diff": False}
SKYDISCOVER = {"name": "skydiscover", **ASKING, "archive": "topk", "inspirations": 2, "diff": False}
PACKAGES = [pytest.param(one, id=str(one["name"])) for one in (GEPA, OPENEVOLVE, SKYDISCOVER)]
OTHER_ARCHIVES = [
    pytest.param({**SKYDISCOVER, "archive": archive}, id=archive, marks=pytest.mark.slow)
    for archive in ("adaevolve", "beam_search", "best_of_n")
]
KEY = "a-key-that-must-not-be-kept"


def answers(*sources: str) -> list[str]:
    return [f"It is better so:\n```python\n{source}```\n" for source in sources]


def asking(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", url)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


def found_as(monkeypatch: pytest.MonkeyPatch, found: object) -> None:
    """Let the packages be found so, whether or not they are installed; others as they are."""
    as_it_is = importlib.util.find_spec
    name = "evolve.bridges.packages.installed.importlib.util.find_spec"
    outside = ("openevolve", "gepa", "skydiscover", "openai")
    monkeypatch.setattr(name, lambda wanted: found if wanted.split(".")[0] in outside else as_it_is(wanted))


def assert_is_champion(folder: Path, judging: Judging, source: str) -> None:
    """The folder's champion is this source, beside its file, and its test can be repeated to the last digit."""
    bundle = read_bundle(folder / "champion.yaml")
    assert bundle.policies["routing"] == {"policy": "written", "source": source}
    assert (folder / "champion-routing.py").read_text() == source
    (run,) = bundle.lineage["runs"]
    workloads = Workloads(judging.plan.suite)
    phenotype = bundle_policies("champion", folder / "champion.yaml")
    task = Task(phenotype, run["scenario"], run["seed"], run["num_requests"], "again")
    again = evaluate(task, workloads.prepared(key_of(task)))
    assert {name: value for name, value in again.figures.items() if value is not None} == run["figures"]


def test_scripted_candidates_end_in_a_champion(rehearsal: tuple[Path, Judging]) -> None:
    folder, judging = rehearsal

    rows = read_proposals(folder)
    assert [row["status"] for row in rows] == [REFUSED, FAILED, JUDGED, JUDGED, JUDGED]
    assert [row["merit"] for row in rows[:2]] == [LEAST_MERIT, LEAST_MERIT]
    assert rows[2]["merit"] == rows[3]["merit"] == rows[4]["merit"] > 0.0
    assert "got 'os'" in rows[0]["feedback"]
    assert "chose instance 77" in rows[1]["feedback"]
    assert "## Worst decisions" in rows[2]["feedback"]
    assert rows[2]["parents"] == [rows[1]["digest"]]
    assert judging.refused == 1
    assert_is_champion(folder, judging, BETTER)


def test_the_budget_counts_what_was_simulated(rehearsal: tuple[Path, Judging]) -> None:
    rows = pq.read_table(rehearsal[0] / "history.parquet").to_pylist()

    own = [row for row in rows if row["stage"] == "search"]
    assert sum(not row["cache_hit"] for row in own) == 2 * 2  # scenarios, of the two that ran and decide differently
    assert {row["error"] is not None for row in own if row["generation"] == 1} == {True}


def test_a_spent_budget_ends_the_package(search: Searching, tmp_path: Path) -> None:
    others = [BETTER.replace("0.001", f"0.{number}") for number in range(2, 9)]

    search(script(tmp_path / "candidates", *others), budget={"evaluations": 4})

    assert len(read_proposals(tmp_path)) == 2
    assert (tmp_path / "champion.yaml").exists()


def test_without_isolation_nothing_begins(search: Searching, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="evaluator must be isolated"):
        search(script(tmp_path / "candidates", BETTER), evaluator="serial")

    assert not (tmp_path / "config.yaml").exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"candidates": "no-such-folder/x.py"}, "no-such-folder"),
        ({"candidates": []}, "candidates must be files"),
        ({"most": 0}, "most must be an int in"),
        ({"model": "x"}, "model"),
    ],
)
def test_what_is_wrong_is_said_before_anything_begins(
    search: Searching, tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        search({"name": "script", "candidates": "x.py", "most": 1, **changes})


@pytest.mark.parametrize("algorithm", PACKAGES)
def test_a_package_needs_a_model_and_a_key(
    search: Searching, monkeypatch: pytest.MonkeyPatch, algorithm: dict[str, Any]
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    found_as(monkeypatch, object())

    with pytest.raises(ConfigError, match=r"OPENAI_API_KEY must be set in the environment"):
        search(algorithm)
    with pytest.raises(ConfigError, match=r"algorithm\.model must name the language model"):
        search({**algorithm, "model": None})


@pytest.mark.parametrize("algorithm", PACKAGES)
def test_a_package_that_is_missing_is_named(
    search: Searching, monkeypatch: pytest.MonkeyPatch, algorithm: dict[str, Any]
) -> None:
    found_as(monkeypatch, None)

    with pytest.raises(ConfigError, match=r"is not installed; pip install ('blis\[bridges\]'|skydiscover) brings it"):
        search(algorithm)


@pytest.mark.parametrize("algorithm", [*PACKAGES, *OTHER_ARCHIVES])
def test_a_scripted_model_finds_a_champion(
    search: Searching,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    algorithm: dict[str, Any],
) -> None:
    for needed in (algorithm["name"], "openai"):
        if importlib.util.find_spec(needed) is None:
            pytest.skip(f"{needed} is not installed; docs/bridges.md says how to get it")
    with scripted_model(answers(NOT_IN_THE_DIALECT, FAILING, BETTER)) as model:
        asking(monkeypatch, model.url)
        judging = search(algorithm)

    rows = read_proposals(tmp_path)
    assert {row["status"] for row in rows} == {JUDGED, REFUSED, FAILED}
    # The first candidate is made from the program that the package began with; later ones perhaps from one that failed.
    assert any(row["parents"] for row in rows)
    assert_is_champion(tmp_path, judging, BETTER)
    asked = json.dumps(model.asked)
    assert "effective_load" in asked  # what may be seen
    assert "Worst decisions" in asked
    assert model.keys
    assert KEY in model.keys[0]
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]


def test_long_feedback_is_parted_so_that_nothing_is_cut_off() -> None:
    text = "".join(f"line {number} {'x' * 90}\n" for number in range(50)) + "y" * 4500

    sections = in_sections(text)

    assert "".join(sections.values()) == text
    assert list(sections)[:2] == ["feedback", "feedback, part 2"]
    assert max(len(section) for section in sections.values()) <= 2000
    assert sections["feedback"].endswith("x\n")
    assert in_sections("") == {"feedback": ""}


def test_a_champion_whose_source_is_another_is_told(rehearsal: tuple[Path, Judging], tmp_path: Path) -> None:
    champion, source = tmp_path / "champion.yaml", tmp_path / "champion-routing.py"
    shutil.copy(rehearsal[0] / "champion.yaml", champion)

    with pytest.raises(ConfigError, match="must be the path of a file"):
        read_bundle(champion)
    source.write_text(NOT_IN_THE_DIALECT)
    with pytest.raises(ConfigError, match="got 'os'"):
        bundle_policies("champion", champion)


def test_a_report_is_written_of_source(rehearsal: tuple[Path, Judging]) -> None:
    document, settings, champion, lineage = read_run(rehearsal[0])

    assert champion.policies["routing"] == {"policy": "written", "source": BETTER}
    assert list(changed_numbers(champion, ["routing"], 0.75)) == []
    notes: list[str] = []
    options = Options("serial", "none", sweep_seeds=1, random_search=True)
    assert random_search_rival(rehearsal[0], document, settings, options, lambda name, count: None, notes) is None
    assert notes == ["NOT compared with random search, because source cannot be drawn at random."]
    assert lineage["genome"] == {"routing": {"file": "champion-routing.py"}}
