import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import blis.run
import evolve.report
import evolve.run
from blis.foundation.words import shown
from tests.evidence.policies import phenotype, weighted


class Ran(NamedTuple):
    status: int
    out: str
    err: str


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished search of a few seconds."""
    folder = tmp_path_factory.mktemp("run") / "a search"
    arguments = [
        "suite=quick",
        "evaluator=serial",
        "tracker=none",
        "budget.generations=2",
        "ladder=[{num_requests:100,seeds:1}]",
    ]
    sizes = ["algorithm.population=4", "algorithm.offspring=4", "finalists=2", "report=false"]
    assert evolve.run.main([*arguments, *sizes, f"hydra.run.dir='{folder}'"]) == 0
    return folder


@pytest.fixture
def report(folder: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    def command(*arguments: str) -> Ran:
        capsys.readouterr()
        status = evolve.report.main(
            [str(folder), "first_seeds=3", "most_runs=9", "sweep_seeds=2", "evaluator=serial", *arguments]
        )
        return Ran(status, *capsys.readouterr())

    return command


@pytest.fixture(scope="module")
def evidence(folder: Path) -> dict[str, Any]:
    assert evolve.report.main([str(folder), "first_seeds=3", "most_runs=9", "sweep_seeds=2", "evaluator=serial"]) == 0
    return dict(json.loads((folder / "report.json").read_text()))


def test_a_report_answers_every_question(folder: Path, evidence: dict[str, Any]) -> None:
    rivals = {one["rival"] for one in evidence["comparisons"]}

    assert {"round-robin", "least-loaded", "random search"} <= rivals
    assert {part["name"].partition("/")[0] for part in evidence["parts"]} == {"routing"}
    assert evidence["load"]["values"] == [0.7, 0.8, 0.9, 1.0, 1.1, 1.2]
    assert evidence["precision"] == {"half_width": 0.03, "first_seeds": 3, "most_runs": 9}
    assert evidence["verdict"].startswith("The champion is ")
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert len(page) > 3_000_000
    assert """<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src""" in page[:500]
    assert (folder / "figures" / "gains.png").is_file()


def test_rivals_from_files_are_met_beside_the_baselines_and_the_choice_is_told(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, copy = tmp_path / "preble-tuned.yaml", tmp_path / "search"
    file.write_text("version: 1\nrouting: {policy: preble, most_load_ratio: 3}\n", encoding="utf-8")
    shutil.copytree(folder, copy)
    few = ["first_seeds=2", "most_runs=2", "sweep_seeds=2", "random_search=false", "evaluator=serial"]

    assert evolve.report.main([str(copy), *few, f"rivals=['{file}']"]) == 0

    found = json.loads((copy / "report.json").read_text())
    assert {"preble", "preble-tuned"} <= {one["rival"] for one in found["comparisons"]}
    assert "note: The choice " in capsys.readouterr().out


def test_a_report_may_look_ahead(folder: Path, evidence: dict[str, Any], report: Callable[..., Ran]) -> None:
    arguments = ("random_search=false", "output=json", "ceiling=true", "ceiling_seeds=2", "ceiling_requests=30")

    one, same = report(*arguments), report(*arguments)

    assert one.status == 0
    assert one.out == same.out
    found = json.loads(one.out)["ceiling"]
    (room,) = found["scenarios"].values()
    assert room["best"] in {rival["rival"] for rival in evidence["comparisons"]}
    assert room["hindsight"]["gain_percent"] >= room["lookahead"]["gain_percent"]
    assert room["built_on"] in (room["best"], "the champion")
    assert found["extent"]["n_seeds"] == 2
    assert evidence["ceiling"] is None
    report("random_search=false")  # leaves the folder as the other tests find it


@pytest.mark.parametrize("wrong", ["ceiling=maybe", "ceiling_seeds=1", "ceiling_requests=0"])
def test_how_far_a_report_looks_ahead_is_checked(wrong: str, report: Callable[..., Ran]) -> None:
    ran = report(wrong)

    assert ran.status == 2
    assert ran.out == ""
    assert wrong.partition("=")[0] in ran.err


def test_random_search_is_kept_and_found_again(
    folder: Path, evidence: dict[str, Any], report: Callable[..., Ran]
) -> None:
    before = (folder / "random-search" / "champion.yaml").stat().st_mtime_ns

    again = report("random_search=false", "output=json")

    assert again.status == 0
    assert "asking: random search" not in again.err
    assert (folder / "random-search" / "champion.yaml").stat().st_mtime_ns == before
    assert json.loads(again.out) == evidence


def test_what_lies_beside_a_search_does_not_stop_its_report(
    folder: Path, evidence: dict[str, Any], tmp_path: Path
) -> None:
    from evolve.evidence.random_rival import stored_rival
    from evolve.outcome.run_folder import read_config

    shutil.copytree(folder, tmp_path / "search", ignore=shutil.ignore_patterns("random-search"))
    for name, files in {
        "a-note": {"champion.yaml": "just a note", "config.yaml": "- no mapping"},
        "b-bytes": {"champion.yaml": b"\xff\xfe", "config.yaml": b"\x00"},
        "c-broken": {"champion.yaml": "version: 99", "config.yaml": (folder / "config.yaml").read_text()},
    }.items():
        (tmp_path / name).mkdir()
        for file, content in files.items():
            (tmp_path / name / file).write_bytes(content if isinstance(content, bytes) else content.encode())
    shutil.copytree(folder / "random-search", tmp_path / "d-rival")

    found = stored_rival(tmp_path / "search", read_config(tmp_path / "search"))

    assert found is not None
    assert found[1] == tmp_path / "d-rival"


def test_what_is_compared_is_what_a_run_tells(folder: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The figures behind the evidence are those of `python -m blis.run policies=champion.yaml`."""
    from evolve.evidence import Condition
    from evolve.evidence.laboratory import Laboratory
    from evolve.evidence.searched import read_run

    _, settings, champion, _ = read_run(folder)
    scenarios = settings.suite.scenarios["test"]
    name, num_requests = scenarios[0].name, scenarios[0].num_requests
    laboratory = Laboratory(scenarios, [Condition(name, load=1.1)], "serial")
    plain, loaded = laboratory.measure([champion], [Condition(name), Condition(name, load=1.1)], [77])[0]
    classes = laboratory.class_figures(champion, name, 77)
    laboratory.close()

    told = []
    for load in ("null", "1.1"):
        capsys.readouterr()
        arguments = [f"policies='{folder / 'champion.yaml'}'", f"scenario={name}", f"scenario.load={load}", "seed=77"]
        more = [f"scenario.num_requests={num_requests}", "output=json", f"hydra.run.dir='{tmp_path / load}'"]
        assert blis.run.main([*arguments, *more]) == 0
        told.append(json.loads(capsys.readouterr().out))

    for record, metrics in zip((plain[0], loaded[0]), told, strict=True):
        shared = {figure: metrics[figure] for figure in record.figures if figure in metrics}
        assert len(shared) > 30
        assert {figure: record.figures[figure] for figure in shared} == shared
    assert list(classes.values()) == told[0]["classes"]


def test_a_gene_that_decides_nothing_is_called_dead(folder: Path) -> None:
    """With FCFS nobody looks at priorities, and no request of these scenarios is ever refused."""
    from evolve.evidence import ablation
    from evolve.evidence.gathering import objectives_of
    from evolve.evidence.laboratory import Laboratory
    from evolve.evidence.searched import read_run

    _, settings, _, _ = read_run(folder)
    scenarios = settings.suite.scenarios["test"]
    laboratory = Laboratory(scenarios, [], "serial")
    champion = phenotype(
        {"max_running_requests": 16},
        routing=weighted(queue_depth=2.0, prefix_affinity=1.0),
        priority={"policy": "slo-class"},
        admission={"policy": "token-bucket", "capacity_tokens": 1e9, "refill_tokens_per_s": 1e9},
    )
    genes = ["admission", "routing", "priority", "cluster.max_running_requests"]

    objectives, names = objectives_of(settings.rules.goals, []), [one.name for one in scenarios]
    parts = ablation.examine(champion, genes, names, [7, 8], objectives, laboratory.measure, 1)
    laboratory.close()

    dead = {part.name for part in parts if part.reading == "dead"}
    assert {"admission", "priority"} <= dead
    assert not {"routing", "cluster.max_running_requests"} & dead


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["first_seeds=1"], "first_seeds must be an int in [2, 10000]"),
        (["sweep_seeds=1"], "sweep_seeds must be an int in [2, 10000]"),
        (["half_width=2"], "half_width must be a finite number > 0"),
        (["tracker=mlfow"], "tracker: no choice named 'mlfow'; did you mean 'mlflow'?"),
        (["tracker=mlflow", "tracker.uri='sqlite://'"], "tracker.uri must name a file"),
        (["output=yaml"], "output: no choice named 'yaml'"),
        (["random_search=1"], "random_search must be true or false"),
        (["seed=-1"], "seed must be an int ≥ 0"),
        (["colour=red"], "colour"),
        (["rivals=nowhere.yaml"], "rivals must be a list of policy bundles; got 'nowhere.yaml'"),
        (["rivals=[nowhere.yaml]"], "rivals.nowhere: "),
        (["rivals=[a/one.yaml,b/one.yaml]"], "rivals must be files of different names"),
    ],
)
def test_wrong_options_are_named_in_one_line(report: Callable[..., Ran], arguments: list[str], message: str) -> None:
    ran = report(*arguments)

    assert ran.status == 2
    assert message in ran.err
    assert ran.err.count("\n") == 1


def test_wrong_folders_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "unfinished").mkdir()
    (tmp_path / "unfinished" / "config.yaml").write_text("seed: 1")

    assert evolve.report.main([]) == 2
    assert evolve.report.main([str(tmp_path / "absent")]) == 2
    assert evolve.report.main([str(tmp_path)]) == 2
    assert evolve.report.main([str(tmp_path / "unfinished")]) == 2
    assert evolve.report.main(["x" * 300]) == 2

    first, second, third, fourth, fifth = capsys.readouterr().err.splitlines()
    assert first.startswith("error: run must be given: python -m evolve.report FOLDER")
    assert "must be the folder of a search or a sweep" in second
    assert "must be the folder of a search, or of a sweep" in third
    assert "has no champion.yaml" in fourth
    assert (
        fifth == f"error: run must be the folder of a search or a sweep; got {shown('x' * 300)} (File name too long)."
    )


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_folder_that_may_not_be_read_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "private").mkdir(mode=0o000)

    assert evolve.report.main([str(tmp_path / "private")]) == 2

    assert capsys.readouterr().err.endswith("(Permission denied).\n")


def test_a_sweep_is_a_table(
    folder: Path, evidence: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep = tmp_path / "sweep"
    sweep.mkdir()
    (sweep / "multirun.yaml").touch()
    (sweep / "0").symlink_to(folder)
    (sweep / "1").symlink_to(folder / "random-search")
    (sweep / "2").mkdir()
    (sweep / "2" / "champion.yaml").write_text("just a note", encoding="utf-8")
    capsys.readouterr()

    assert evolve.report.main([str(sweep), "output=json"]) == 0

    told = json.loads(capsys.readouterr().out)
    assert [one["algorithm"] for one in told["algorithms"]] == ["ga", "random"]
    assert told["algorithms"][0]["pairs_with_random"] == 1
    assert len(told["notes"]) == 1
    assert told["notes"][0].startswith("2: left out, ")
    left = {path.name for path in sweep.iterdir()} - {"0", "1", "2", "multirun.yaml"}
    assert left == {"sweep.md", "sweep.json", "sweep.png"}


def test_a_change_of_what_runs_today_is_written_down(folder: Path, report: Callable[..., Ran], tmp_path: Path) -> None:
    today = tmp_path / "today.yaml"
    today.write_text("version: 1\nrouting: {policy: weighted, scorers: {queue-depth: 1}}\n")

    told = report(f"today={today}", "random_search=false", "output=json")

    assert told.status == 0
    found = json.loads(told.out)
    (against_today,) = [one for one in found["comparisons"] if one["rival"] == "today"]
    assert found["class_rival"] == "today"
    text = (folder / "apply.md").read_text()
    assert text.count("\n## ") == 5
    assert "--- today/endpoint-picker.yaml" in text or "cannot be said there" in text
    gain = f"{against_today['overall']['gain_percent']:+.2f} %"
    assert against_today["wins"] == against_today["losses"] == 0 or gain in text


def test_what_runs_today_must_be_a_bundle(folder: Path, report: Callable[..., Ran], tmp_path: Path) -> None:
    wrong = tmp_path / "today.yaml"
    for text, said in {"version: 1\nrouting: fastest": "fastest", "": "empty", "version: 9": "version"}.items():
        wrong.write_text(text)
        told = report(f"today={wrong}")
        assert told.status == 2
        assert told.err.startswith("error: today")
        assert said in told.err
        assert told.err.count("\n") == 1
    assert report("today=nowhere.yaml").status == 2
