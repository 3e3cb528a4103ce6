import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from blis.foundation.errors import ConfigError
from blis.policies.bundle import read_bundle
from evolve.plan.budget import IDLE_GENERATIONS
from evolve.problem import Problem
from evolve.records import Record
from evolve.search import checkpoint
from tests.search.conftest import PROBLEM
from tests.search.synthetic import Listening, make_search, true_worth

LADDER = [{"num_requests": 100, "seeds": 1, "keep": 0.5}, {"seeds": 2}]


def table(folder: Path) -> Any:
    return pq.read_table(folder / "history.parquet")


def test_a_search_leaves_champion_history_and_summary(problem: Problem, tmp_path: Path) -> None:
    tracker = Listening()
    make_search(problem, tmp_path, tracker, ladder=LADDER).run()

    champion = read_bundle(tmp_path / "champion.yaml")
    history = pq.read_table(tmp_path / "history.parquet").to_pylist()
    assert champion.lineage["problem"] == "weights"
    assert champion.lineage["digest"] in {row["digest"] for row in history if row["stage"] == "final"}
    assert champion.policies["routing"]["policy"] == "weighted"
    assert {row["stage"] for row in history} == {"baseline", "search", "final", "test"}
    assert "no verdict" in (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert [report.generation for report in tracker.reports] == list(range(6))
    assert [end.status for end in tracker.ended] == ["finished"]
    assert all(path.exists() for path in tracker.ended[0].artifacts if path.name != "config.yaml")


def test_the_planted_optimum_becomes_champion(problem: Problem, tmp_path: Path) -> None:
    search = make_search(problem, tmp_path, Listening(), generations=25)
    search.run()

    policies = read_bundle(tmp_path / "champion.yaml").policies
    assert true_worth(type(search.plan.baselines["equal"])(policies)) > 0.9


def test_a_task_is_simulated_once(problem: Problem, tmp_path: Path) -> None:
    search = make_search(problem, tmp_path, Listening(), ladder=LADDER)
    search.run()

    judge: Any = search.plan.judge
    rows = pq.read_table(tmp_path / "history.parquet").to_pylist()
    fresh = [row["task"] for row in rows if not row["cache_hit"]]
    assert len(set(judge.simulated)) == len(judge.simulated)
    assert sorted(fresh) == sorted(judge.simulated)
    spending = search.ledger.spending
    own = [row for row in rows if row["stage"] == "search"]
    assert spending.evaluations == sum(not row["cache_hit"] for row in own)
    assert spending.cache_hits == sum(row["cache_hit"] for row in own) > 0
    assert spending.requests == sum(row["simulated_requests"] for row in own if not row["cache_hit"])


@pytest.mark.parametrize("limit", [{"evaluations": 100}, {"requests": 70_000}, {"evaluations": 7}])
def test_the_budget_is_kept_and_used(problem: Problem, tmp_path: Path, limit: dict[str, int]) -> None:
    search = make_search(problem, tmp_path, Listening(), "random", ladder=LADDER, **limit)
    search.run()

    ((name, most),) = limit.items()
    spent = getattr(search.ledger.spending, name)
    one = getattr(search.plan.ladder.cost(1, search.plan.suite.scenarios["train"]), name)
    assert most - one < spent <= most


def test_failures_are_kept_with_their_genomes(problem: Problem, tmp_path: Path) -> None:
    search = make_search(problem, tmp_path, Listening(), "random", generations=2)
    judge: Any = search.plan.judge
    simulate = judge._run

    def run(phenotype: Any, scenario: str, seed: int, num_requests: int) -> Any:
        task, record = simulate(phenotype, scenario, seed, num_requests)
        if len(judge.simulated) == 9:
            record = judge.store[task.digest] = Record(record.figures, num_requests, error="StalledError: no progress")
        return task, record

    judge._run = run
    search.run()

    rows = pq.read_table(tmp_path / "history.parquet").to_pylist()
    failed = [row for row in rows if row["status"] == "failed"]
    assert failed
    assert {row["error"] for row in failed} == {"StalledError: no progress"}
    assert all(problem.check("genome", json.loads(row["genome"])) for row in failed)
    assert search.ledger.spending.failures == sum(not row["cache_hit"] for row in failed if row["stage"] == "search")


def test_a_space_that_is_used_up_ends_the_search(tmp_path: Path) -> None:
    genes = {"scheduling": {"kind": "answer", "policies": ["fcfs", "sjf"]}}
    tiny = Problem.from_mapping("problem", {"genes": genes})
    search = make_search(tiny, tmp_path, Listening(), "ga", evaluations=100_000)
    search.run()

    assert search.ledger.spending.evaluations <= 2
    assert search.ledger.spending.generations <= IDLE_GENERATIONS + 2


def test_a_lucky_evaluation_does_not_become_champion(problem: Problem, tmp_path: Path) -> None:
    """With noise that is large against true differences, the best in training is worse than who wins the finals."""
    gains = []
    for attempt in range(4):
        search = make_search(
            problem, tmp_path / str(attempt), Listening(), "random", noise=0.25, generations=6 + attempt
        )
        search.run()
        luckiest = search.plan.problem.decode(search.archive.best()[0].genome)
        champion = read_bundle(tmp_path / str(attempt) / "champion.yaml")
        gains.append(true_worth(type(luckiest)(champion.policies)) - true_worth(luckiest))

    assert sum(gains) > 0
    assert min(gains) > -0.1


def test_interrupted_search_leaves_its_best_and_goes_on(problem: Problem, tmp_path: Path) -> None:
    make_search(problem, tmp_path / "through", Listening(), ladder=LADDER).run()
    tracker = Listening(stop_at=3, error=KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        make_search(problem, tmp_path / "stopped", tracker, ladder=LADDER).run()

    assert [end.status for end in tracker.ended] == ["interrupted"]
    assert "luck" in read_bundle(tmp_path / "stopped" / "champion.yaml").lineage["status"]
    assert "interrupted" in (tmp_path / "stopped" / "summary.md").read_text(encoding="utf-8")
    assert (tmp_path / "stopped" / "history.parquet").exists()

    again = Listening()
    make_search(problem, tmp_path / "stopped", again, ladder=LADDER).run()
    assert again.started[0].is_resumed
    assert [report.generation for report in again.reports] == [3, 4, 5]
    assert table(tmp_path / "stopped").equals(table(tmp_path / "through"))
    for name in ("champion.yaml", "summary.md"):
        assert (tmp_path / "stopped" / name).read_bytes() == (tmp_path / "through" / name).read_bytes()


@pytest.mark.parametrize("algorithm", ["random", "cmaes", "cmaes_optuna", "gp", "islands", "tpe", "cma_mae"])
def test_stopping_after_every_generation_changes_nothing(problem: Problem, tmp_path: Path, algorithm: str) -> None:
    through = Listening()
    make_search(problem, tmp_path / "through", through, algorithm, ladder=LADDER).run()
    figures = []
    for generation in range(6):
        tracker = Listening(stop_at=generation, error=KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            make_search(problem, tmp_path / "stopped", tracker, algorithm, ladder=LADDER).run()
        figures.append(tracker.reports[-1].figures)
    make_search(problem, tmp_path / "stopped", Listening(), algorithm, ladder=LADDER).run()

    assert figures == [report.figures for report in through.reports]
    assert table(tmp_path / "stopped").equals(table(tmp_path / "through"))


def test_equal_searches_write_equal_bytes(problem: Problem, tmp_path: Path) -> None:
    for name in ("one", "other"):
        make_search(problem, tmp_path / name, Listening(), noise=0.1, ladder=LADDER).run()

    for file in ("champion.yaml", "summary.md", "history.parquet"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "other" / file).read_bytes()


def test_a_finished_search_is_left_alone(problem: Problem, tmp_path: Path) -> None:
    make_search(problem, tmp_path, Listening()).run()
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    tracker = Listening()
    make_search(problem, tmp_path, tracker).run()

    assert not tracker.started
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_two_searches_do_not_share_a_folder(problem: Problem, tmp_path: Path) -> None:
    class Meanwhile(Listening):
        def start(self, search: Any) -> None:
            make_search(problem, tmp_path, Listening()).run()

    with pytest.raises(ConfigError, match="is in use"):
        make_search(problem, tmp_path, Meanwhile()).run()


def test_a_checkpoint_of_another_version_is_named(problem: Problem, tmp_path: Path) -> None:
    make_search(problem, tmp_path, Listening()).run()
    changed(tmp_path / "checkpoint" / "state.json", version=1)

    with pytest.raises(ConfigError, match="version must be 3, the one that this program reads; got 1"):
        checkpoint.load(tmp_path)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of a search that was stopped in its fourth generation."""
    folder = tmp_path_factory.mktemp("stopped")
    problem = Problem.from_mapping("problem", PROBLEM)
    with pytest.raises(KeyboardInterrupt):
        make_search(problem, folder, Listening(stop_at=3, error=KeyboardInterrupt())).run()
    return folder


def changed(path: Path, **values: Any) -> None:
    """Change values of a JSON document in place."""
    document = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**document, **values}), encoding="utf-8")


@pytest.mark.parametrize(
    ("file", "damage", "words"),
    [
        ("state.json", lambda path: path.write_text(""), "damaged: Expecting value"),
        ("state.json", lambda path: path.write_text("[]"), "state must be a mapping of keys to values"),
        ("state.json", lambda path: path.write_text("{}"), "state: key 'version' is required"),
        ("state.json", lambda path: path.write_text("[" * 100_000), "damaged"),
        ("state.json", lambda path: path.write_bytes(b"\xff\xfe\x00"), "damaged"),
        ("state.json", lambda path: path.write_bytes(path.read_bytes()[:500]), "damaged"),
        ("state.json", lambda path: changed(path, status="foo"), "status: no choice named 'foo'"),
        ("state.json", lambda path: changed(path, status=None), "status: no choice named None"),
        ("state.json", lambda path: changed(path, version="2"), "version must be an int"),
        ("state.json", lambda path: changed(path, colour="red"), "unknown key 'colour'"),
        ("state.json", lambda path: changed(path, algorithm=[]), "algorithm must be a mapping; got list"),
        ("state.json", lambda path: changed(path, algorithm={}), "do not have the digest"),
        ("state.json", lambda path: changed(path, archive="x"), "archive must be a sequence; got str"),
        ("state.json", lambda path: changed(path, archive=[{}]), "do not have the digest"),
        ("state.json", lambda path: changed(path, spending={}), "spending: key 'generations' is required"),
        ("state.json", lambda path: changed(path, parts=["baselines"]), "parts must be a mapping"),
        ("state.json", lambda path: changed(path, parts={}), "do not have the digest"),
        ("state.json", lambda path: changed(path, parts={"../../elsewhere": ""}), "do not have the digest"),
        ("generation-00001.jsonl", lambda path: path.write_text(""), "do not have the digest that state.json names"),
        ("generation-00001.jsonl", lambda path: path.write_text("{}\n"), "do not have the digest"),
        ("generation-00001.jsonl", lambda path: path.write_bytes(path.read_bytes()[:-9]), "do not have the digest"),
        ("generation-00001.jsonl", lambda path: path.write_bytes(b"\x00\xff"), "do not have the digest"),
        ("generation-00001.jsonl", Path.unlink, "it cannot be read (No such file or directory)"),
        ("baselines.jsonl", lambda path: path.write_text(""), "do not have the digest"),
    ],
)
def test_a_damaged_checkpoint_is_named_and_nothing_is_written(
    problem: Problem, stopped: Path, tmp_path: Path, file: str, damage: Callable[[Path], Any], words: str
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(stopped, folder)
    damage(folder / "checkpoint" / file)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}

    with pytest.raises(ConfigError) as error:
        make_search(problem, folder, Listening()).run()

    assert str(error.value).startswith(f"{folder / 'checkpoint' / file} must be as a search wrote it; it is damaged: ")
    assert words in str(error.value)
    assert str(error.value).endswith("To search anew in this folder, remove its checkpoint and config.yaml.")
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_negative_spending_is_refused(problem: Problem, stopped: Path, tmp_path: Path) -> None:
    shutil.copytree(stopped, tmp_path / "copy")
    state = tmp_path / "copy" / "checkpoint" / "state.json"
    spending = json.loads(state.read_text(encoding="utf-8"))["spending"]
    changed(state, spending={**spending, "evaluations": -5})

    with pytest.raises(ConfigError, match=r"spending.evaluations must be an int ≥ 0; got -5"):
        make_search(problem, tmp_path / "copy", Listening()).run()


def test_a_search_does_not_go_on_with_another_configuration(problem: Problem, stopped: Path, tmp_path: Path) -> None:
    shutil.copytree(stopped, tmp_path / "copy")
    search = make_search(problem, tmp_path / "copy", Listening())
    edited = {**search.plan.document, "seed": 4, "budget": {"generations": 7}, "evaluator": "threads"}
    search.plan = replace(search.plan, document=edited)

    with pytest.raises(ConfigError) as error:
        search.run()

    assert str(error.value) == (
        f"{tmp_path / 'copy' / 'config.yaml'} must be as it was when this search began; it differs in budget, seed. "
        "Put it back to go on, or search anew in another folder."
    )


def test_clocks_are_kept_apart_from_the_history(problem: Problem, tmp_path: Path) -> None:
    make_search(problem, tmp_path, Listening()).run()

    history, timings = (pq.read_table(tmp_path / name) for name in ("history.parquet", "timings.parquet"))
    keys = [name for name in timings.column_names if name != "wall_ms"]
    assert "wall_ms" not in history.column_names
    assert timings.select(keys).equals(history.select(keys))
    assert min(timings["wall_ms"].to_pylist()) >= 0.0


def test_a_folder_that_cannot_be_written_is_said_and_corrupts_nothing(
    problem: Problem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_search(problem, tmp_path / "through", Listening(), ladder=LADDER).run()

    class Full(Listening):
        def generation(self, report: Any) -> None:
            super().generation(report)
            if report.generation == 2:
                monkeypatch.setattr("os.fsync", no_room)

    def no_room(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(ConfigError, match=r"with room in it.*No space left"):
        make_search(problem, tmp_path / "full", Full(), ladder=LADDER).run()
    monkeypatch.undo()

    make_search(problem, tmp_path / "full", Listening(), ladder=LADDER).run()
    assert table(tmp_path / "full").equals(table(tmp_path / "through"))
    assert not list((tmp_path / "full").rglob(".unfinished-*"))
