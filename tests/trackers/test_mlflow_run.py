import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from blis.foundation.errors import ConfigError
from evolve.trackers import Candidate, GenerationReport, SearchEnd, SearchStart
from evolve.trackers.mlflow_run import RUN_FILE, Listener, only_one_opener, run_of, store_uri
from evolve.trackers.opening import add_files, open_tracker

Start, Report = Callable[..., SearchStart], Callable[..., GenerationReport]


def _series(client: Any, run_id: str, name: str) -> list[tuple[int, float]]:
    return [(point.step, point.value) for point in client.get_metric_history(run_id, name)]


def _run_id(folder: Path) -> str:
    found = run_of(folder)
    assert found is not None
    return found[1]


def _children(client: Any, experiment: str, parent: str) -> list[Any]:
    experiment_id = client.get_experiment_by_name(experiment).experiment_id
    runs = client.search_runs([experiment_id], f"tags.`mlflow.parentRunId` = '{parent}'")
    return sorted(runs, key=lambda run: run.info.run_name)


def _end(**changes: Any) -> SearchEnd:
    given: dict[str, Any] = {"status": "finished", "figures": {}, "candidates": [], "artifacts": []}
    return SearchEnd(**given | changes)


def test_a_search_is_one_run_with_a_point_per_generation(
    store: str, client: Any, search: Start, report: Report, tmp_path: Path
) -> None:
    listener = Listener(store, "one run")
    (tmp_path / "summary.md").write_text("short")
    (tmp_path / "pareto").mkdir()
    (tmp_path / "pareto" / "0.yaml").write_text("version: 1")

    listener.start(search())
    for generation in range(3):
        listener.generation(report(generation))
    listener.end(_end(artifacts=[tmp_path / "summary.md", tmp_path / "pareto"], figures={"test fitness": 1.2}))

    run = client.get_run(_run_id(tmp_path))
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "routing_weights ga seed 1"
    assert run.data.params == {"problem": "routing_weights", "seed": "1"}
    assert run.data.tags["mlflow.source.git.commit"] == "0123abc"
    assert (run.data.tags["problem"], run.data.tags["seed"]) == ("routing_weights", "1")
    assert "sweep_folder" not in run.data.tags
    assert run.data.metrics["final/test fitness"] == 1.2
    assert run.data.metrics["gene/routing/queue-depth"] == 0.25
    assert _series(client, run.info.run_id, "fitness/best") == [(0, 1.0), (1, 1.1), (2, 1.2)]
    assert _series(client, run.info.run_id, "evaluations_per_second") == [(0, 100.0), (1, 100.0), (2, 100.0)]
    kept = {file.path for file in client.list_artifacts(run.info.run_id)}
    assert kept == {"config.yaml", "summary.md", "pareto"}


def test_a_resumed_search_doubles_nothing(
    store: str, client: Any, search: Start, report: Report, tmp_path: Path
) -> None:
    killed = Listener(store, "resume")
    killed.start(search())
    for generation in range(3):
        killed.generation(report(generation))
    first = _run_id(tmp_path)
    orphan = client.create_run(
        client.get_experiment_by_name("resume").experiment_id, tags={"mlflow.parentRunId": first}
    ).info.run_id

    resumed = Listener(store, "resume")
    resumed.start(search(is_resumed=True))
    for generation in range(2, 5):  # the checkpoint did not know of generation 2
        resumed.generation(report(generation, speed={"evaluations_per_second": 77.0}))
    resumed.end(_end(candidates=[Candidate("round-robin", "baseline", {"routing": "round-robin"}, {"fitness": 0.9})]))

    assert _run_id(tmp_path) == first
    assert [step for step, _ in _series(client, first, "fitness/best")] == [0, 1, 2, 3, 4]
    assert [step for step, _ in _series(client, first, "evaluations_per_second")] == [0, 1, 2, 3, 4]
    (child,) = _children(client, "resume", first)
    assert (child.info.run_name, child.info.status) == ("baseline: round-robin", "FINISHED")
    assert len(client.get_metric_history(child.info.run_id, "fitness")) == 1
    assert client.get_run(orphan).info.lifecycle_stage == "deleted"
    assert client.get_run(first).info.status == "FINISHED"


def test_the_times_of_points_follow_from_the_generation(
    store: str, client: Any, search: Start, report: Report, tmp_path: Path
) -> None:
    listener = Listener(store, "times")

    listener.start(search())
    for generation in range(2):
        listener.generation(report(generation))

    run = client.get_run(_run_id(tmp_path))
    points = client.get_metric_history(run.info.run_id, "diversity")
    assert [point.timestamp - run.info.start_time for point in points] == [1000, 2000]


def test_a_new_search_in_a_used_folder_is_a_new_run(store: str, client: Any, search: Start, tmp_path: Path) -> None:
    Listener(store, "again").start(search())
    first = _run_id(tmp_path)

    Listener(store, "again").start(search())

    assert _run_id(tmp_path) != first
    assert client.get_run(first).info.status == "KILLED"


def test_candidates_can_be_compared(store: str, client: Any, search: Start, tmp_path: Path) -> None:
    listener = Listener(store, "compare")
    listener.start(search(baselines={"round-robin": {"fitness": 0.9}, "least-loaded": {"fitness": 1.0}}))

    listener.end(
        _end(candidates=[Candidate("champion", "champion", {"formula": "x" * 7000}, {"fitness": 1.1, "p99 (ms)": 3.0})])
    )

    children = _children(client, "compare", _run_id(tmp_path))
    assert {run.info.run_name: run.data.metrics for run in children} == {
        "baseline: least-loaded": {"search/fitness": 1.0},
        "baseline: round-robin": {"search/fitness": 0.9},
        "champion: champion": {"fitness": 1.1, "p99 _ms_": 3.0},
    }
    assert {run.data.params["role"] for run in children} == {"baseline", "champion"}
    assert len(children[-1].data.params["formula"]) == 500


def test_an_interrupted_search_is_told_as_such(store: str, client: Any, search: Start, tmp_path: Path) -> None:
    listener = Listener(store, "interrupted")
    listener.start(search())

    listener.end(_end(status="interrupted"))

    assert client.get_run(_run_id(tmp_path)).info.status == "KILLED"


def test_more_figures_than_one_call_takes(
    store: str, client: Any, search: Start, report: Report, tmp_path: Path
) -> None:
    listener = Listener(store, "many")
    listener.start(search(parameters={f"parameter {n}": n for n in range(130)}))

    listener.generation(report(0, figures={f"figure {n}": float(n) for n in range(1500)}))

    run = client.get_run(_run_id(tmp_path))
    assert run.data.metrics["figure 1499"] == 1499.0
    assert len(run.data.params) == 130


def test_what_could_not_be_sent_is_sent_later(
    store: str, client: Any, search: Start, report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener = Listener(store, "late")
    listener.start(search())

    with monkeypatch.context() as broken:
        broken.setattr(listener, "_log", _locked)
        with pytest.raises(OSError, match="locked"):
            listener.generation(report(0))
    listener.generation(report(1))

    assert _series(client, _run_id(tmp_path), "fitness/best") == [(0, 1.0), (1, 1.1)]


def test_a_run_is_closed_although_its_files_are_gone(store: str, client: Any, search: Start, tmp_path: Path) -> None:
    listener = Listener(store, "gone")
    listener.start(search())

    with pytest.raises(OSError, match="absent"):
        listener.end(_end(artifacts=[tmp_path / "absent.md"]))

    assert client.get_run(_run_id(tmp_path)).info.status == "FINISHED"


def test_files_can_be_added_after_the_search(store: str, client: Any, search: Start, tmp_path: Path) -> None:
    listener = Listener(store, "report")
    listener.start(search())
    listener.end(_end())
    (tmp_path / "report.html").write_text("<p>")

    assert not add_files("tracker", {"name": "mlflow", "uri": store}, tmp_path, [tmp_path / "report.html"])

    assert "report.html" in {file.path for file in client.list_artifacts(_run_id(tmp_path))}


def test_a_run_folder_does_not_say_where_to_connect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder may come from anybody: only the user's own configuration names a store."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("evolve.trackers.mlflow_run.open_client", lambda uri: pytest.fail(f"connected to {uri}"))
    elsewhere = tmp_path / "elsewhere.db"
    for uri in (f"sqlite:///{elsewhere}", "https://user:secret@elsewhere.invalid/mlflow"):
        (tmp_path / RUN_FILE).write_text(json.dumps({"uri": uri, "run_id": "0"}), encoding="utf-8")

        (note,) = add_files("tracker", "mlflow", tmp_path, [])
        assert note.startswith("note: the search is kept in '")
        assert "which is not tracker.uri 'sqlite:///" in note
        assert "secret" not in note
        assert not add_files("tracker", "none", tmp_path, [])

    assert not add_files("tracker", "mlflow", tmp_path / "untracked", [])
    assert sorted(path.name for path in tmp_path.iterdir()) == [RUN_FILE]


def test_a_store_that_is_locked_at_the_start_is_written_later(
    store: str, client: Any, search: Start, report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    tracker = open_tracker("tracker", {"name": "mlflow", "uri": store, "experiment": "locked at first"})
    with monkeypatch.context() as broken:
        broken.setattr("evolve.trackers.mlflow_run.open_client", _locked)
        tracker.start(search())
        tracker.generation(report(0))
    tracker.generation(report(1))
    tracker.end(_end())

    told = capsys.readouterr().err
    assert told.count("warning: tracker mlflow failed") == 1
    assert "note: tracker mlflow has started now" in told
    assert [step for step, _ in _series(client, _run_id(tmp_path), "fitness/best")] == [0, 1]
    assert client.get_run(_run_id(tmp_path)).info.status == "FINISHED"


def test_a_search_that_begins_anew_ends_the_children_of_the_run_it_replaces(
    store: str, client: Any, search: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was killed while its first child was written, before there was a checkpoint to go on from."""
    with monkeypatch.context() as killed:
        killed.setattr(type(client), "set_terminated", _killed)
        with pytest.raises(KeyboardInterrupt):
            Listener(store, "abandoned").start(search())
    abandoned = _run_id(tmp_path)
    assert [child.info.status for child in _children(client, "abandoned", abandoned)] == ["RUNNING"]

    Listener(store, "abandoned").start(search())

    assert client.get_run(abandoned).info.status == "KILLED"
    assert [child.info.status for child in _children(client, "abandoned", abandoned)] == ["KILLED"]


def test_a_store_that_is_no_database_is_reported_and_left_out(
    search: Start, report: Report, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken.db").write_text("this is no database" * 100)
    tracker = open_tracker("tracker", {"name": "mlflow", "uri": f"sqlite:///{tmp_path}/broken.db"})

    tracker.start(search())
    tracker.generation(report(0))
    tracker.end(_end())

    told = capsys.readouterr().err
    assert told.count("warning: tracker mlflow failed; the search goes on without it") == 1
    assert "finished after 10 simulations" in told  # the console was told all the same


def test_a_locked_store_does_not_end_a_search(
    store: str, client: Any, search: Start, report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    tracker = open_tracker("tracker", {"name": "mlflow", "uri": store, "experiment": "locked"})
    tracker.start(search())
    with monkeypatch.context() as broken:
        broken.setattr(Listener, "_log", _locked)
        tracker.generation(report(0))
        tracker.generation(report(1))

    tracker.generation(report(2))
    tracker.end(_end())

    assert capsys.readouterr().err.count("warning: tracker mlflow failed") == 1
    assert [step for step, _ in _series(client, _run_id(tmp_path), "fitness/best")] == [0, 1, 2]


def test_only_one_process_opens_a_store_at_a_time(tmp_path: Path) -> None:
    import fcntl

    with (
        only_one_opener(f"sqlite:///{tmp_path}/new/runs.db"),
        (tmp_path / "new" / "runs.db.lock").open("w") as other,
        pytest.raises(BlockingIOError),
    ):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_uris_are_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert store_uri() == f"sqlite:///{tmp_path}/outputs/mlflow.db"
    assert store_uri("sqlite:///runs.db") == f"sqlite:///{tmp_path}/runs.db"
    assert store_uri("http://host:5000") == "http://host:5000"
    with pytest.raises(ConfigError, match=r"did you mean 'sqlite:///runs\.db'"):
        store_uri("runs.db")
    for kept_nowhere in (
        "sqlite:///",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite+pysqlite://",
        "sqlite://?mode=memory",
    ):
        with pytest.raises(ConfigError, match=r"tracker\.uri must name a file"):
            store_uri(kept_nowhere)


def test_the_store_is_plain_sqlite(store: str, client: Any, search: Start) -> None:
    Listener(store, "plain").start(search())

    with sqlite3.connect(store.removeprefix("sqlite:///")) as database:
        names = [row[0] for row in database.execute("select name from experiments")]
    database.close()

    assert "plain" in names


def _killed(*_: Any, **__: Any) -> None:
    raise KeyboardInterrupt


def _locked(*_: Any) -> None:
    raise OSError("database is locked")
