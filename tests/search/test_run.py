"""The command, in processes of its own: killed for real, interrupted, resumed, rerun."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from blis.foundation.randomness import stream
from blis.policies.bundle import read_bundle
from blis.run import main as simulate
from evolve.run import main

ROOT = Path(__file__).resolve().parents[2]
MANY = 10**12
SMALL = [
    "suite=quick", "evaluator=serial", "tracker=none", "report=false", "budget.generations=4", "finalists=3",
    "algorithm.population=8", "algorithm.offspring=8",
]  # fmt: skip


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    def listen_to_interrupts() -> None:
        # Whoever runs the tests in the background ignores interrupts, and so would the command.
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    command = [sys.executable, "-m", "evolve.run", *arguments]
    return subprocess.Popen(
        command, cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=listen_to_interrupts,
    )  # fmt: skip


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def when(process: subprocess.Popen[str], path: Path, signal_number: int) -> None:
    """Send a signal as soon as a file exists."""
    while not path.exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.001)
    process.send_signal(signal_number)


@pytest.fixture(scope="module")
def through(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of a search that nobody disturbed."""
    folder = tmp_path_factory.mktemp("through")
    status, _, err = ended(start(folder, *SMALL, "hydra.run.dir=run"))
    assert status == 0, err
    return folder / "run"


def assert_same(one: Path, other: Path) -> None:
    for name in ("champion.yaml", "summary.md", "history.parquet"):
        assert (one / name).read_bytes() == (other / name).read_bytes()


def test_the_champion_reruns_to_its_recorded_figures(
    through: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    recorded = yaml.safe_load((through / "champion.yaml").read_text(encoding="utf-8"))["lineage"]["runs"][0]
    capsys.readouterr()
    scenario = [f"scenario={recorded['scenario']}", f"scenario.num_requests={recorded['num_requests']}"]
    status = simulate([f"policies={through / 'champion.yaml'}", *scenario, f"seed={recorded['seed']}", "output=json"])

    metrics = json.loads(capsys.readouterr().out)
    shared = set(recorded["figures"]) & set(metrics)
    assert status == 0
    assert len(shared) > 20
    assert {name: metrics[name] for name in shared} == {name: recorded["figures"][name] for name in shared}


def test_a_killed_search_goes_on_as_if_nothing_had_happened(through: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    process = start(tmp_path, *SMALL, "hydra.run.dir=run")
    for file in ("baselines.jsonl", "generation-00002.jsonl", "finals.jsonl"):
        when(process, run / "checkpoint" / file, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        process.communicate()
        process = start(tmp_path, f"resume={run}")
    status, out, err = ended(process)

    assert status == 0, err
    assert "champion" in out
    assert_same(run, through)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


@pytest.mark.slow
def test_killed_at_any_moment(through: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    process = start(tmp_path, *SMALL, "hydra.run.dir=run")
    while not (run / "config.yaml").exists():
        time.sleep(0.001)
    moments = stream(1, "moments")
    for _ in range(20):
        time.sleep(float(moments.uniform(0.5, 3.0)))
        process.kill()
        process.communicate()
        process = start(tmp_path, f"resume={run}")
    status, _, err = ended(process)

    assert status == 0, err
    assert_same(run, through)


def test_a_front_is_left_as_bundles(command: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    status, err = command(
        "suite=quick", "algorithm=nsga2", "algorithm.population=8", "algorithm.offspring=8", "budget.generations=2",
        "objectives=[ttft-p99,goodput]", "constraints={}", "finalists=4", "hydra.run.dir=run",
    )  # fmt: skip

    assert status == 0, err
    members = sorted((tmp_path / "run" / "pareto").iterdir())
    values = [tuple(read_bundle(member).lineage["objectives"].values()) for member in members]
    assert [member.name for member in members] == [f"{place:02d}.yaml" for place in range(1, len(members) + 1)]
    assert values == sorted(values, reverse=True)
    assert [second for _, second in values] == sorted(second for _, second in values)
    assert len(set(values)) == len(values) >= 1


def test_a_saved_configuration_repeats_the_search(through: Path, tmp_path: Path) -> None:
    arguments = ["--config-dir", str(through), "--config-name", "config", "hydra.run.dir=run"]
    status, _, err = ended(start(tmp_path, *arguments))

    assert status == 0, err
    assert_same(tmp_path / "run", through)


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_termination_write_the_best_so_far(tmp_path: Path, signal_number: int) -> None:
    run = tmp_path / "run"
    process = start(tmp_path, *SMALL, "hydra.run.dir=run")
    when(process, run / "checkpoint" / "generation-00001.jsonl", signal_number)
    status, _, err = ended(process)

    assert status == 130
    assert err.strip() == "error: interrupted"
    assert "interrupted" in yaml.safe_load((run / "champion.yaml").read_text(encoding="utf-8"))["lineage"]["status"]


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    """The command in this process, in an empty folder: exit status and standard error."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str]:
        capsys.readouterr()
        status = main(["evaluator=serial", "tracker=none", "report=false", *arguments])
        return status, capsys.readouterr().err

    return run


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["algorithm=gaa"], "algorithm: no choice named 'gaa'; did you mean 'ga'?"),
        (["problem=routin"], "problem: no choice named 'routin'"),
        (["budget.generation=3"], "budget"),
        (["budget.generations=0"], "budget.generations must be an int ≥ 1"),
        (["budget.generations=null"], "budget must limit one of"),
        (["budget.evaluations=1", "suite=quick"], "budget.evaluations must be ≥ "),
        (["seed=-1"], "seed must be an int ≥ 0"),
        (["seed=abc"], "seed must be an int ≥ 0"),
        (["objectives=[ttft-p99,goodput]"], "ga does not search for several objectives"),
        (["algorithm=nsga2"], "nsga2 does not search for one objective"),
        (["problem=full", "algorithm=cmaes"], "must have genes that are numbers only"),
        (["problem=tuned"], "problem.tuned must name a policy for one of admission, routing"),
        (["baselines=[default,nowhere.yaml]"], "baselines.nowhere: "),
        (["problem=routing", "algorithm=tpe"], "tpe must have genes that are numbers and choices only"),
        (["ladder=[{seeds: 50}]"], "ladder: seeds must be at most the 4 of suite.train"),
        (["scenario=nowhere"], "scenario: no choice named 'nowhere'"),
        (
            [f"algorithm.population={MANY}"],
            f"algorithm.population must be an int in [2, 10000]; got {MANY}",
        ),
        ([f"algorithm.offspring={MANY}"], "algorithm.offspring must be an int in [1, 10000]"),
        ([f"algorithm.tournament={MANY}"], "algorithm.tournament must be an int in [1, 100]"),
        (
            ["algorithm=cmaes", f"algorithm.population={MANY}"],
            "algorithm.population must be an int in [4, 10000]",
        ),
        (
            ["algorithm=random", f"algorithm.population={MANY}"],
            "algorithm.population must be an int in [1, 10000]",
        ),
        (["algorithm=islands", f"algorithm.islands={MANY}"], "algorithm.islands must be an int in [2, 100]"),
        (["finalists=0"], "finalists must be an int ≥ 1"),
        (["penalty=2"], "penalty must be a finite number in [0, 1]"),
        (["resume=nowhere"], "resume must be the run folder of a search"),
        (["+colour=red"], "search: unknown key 'colour'"),
    ],
)
def test_wrong_input_is_one_line_and_leaves_nothing(
    command: Callable[..., tuple[int, str]], tmp_path: Path, arguments: list[str], message: str
) -> None:
    status, err = command(*arguments, "hydra.run.dir=run")

    assert status == 2
    assert message in err
    assert err.count("\n") == 1
    assert not (tmp_path / "run" / "config.yaml").exists()


def test_resume_refuses_what_would_change_results(command: Callable[..., tuple[int, str]], through: Path) -> None:
    before = (through / "champion.yaml").read_bytes()
    status, err = command(f"resume={through}", "seed=2", "budget.generations=9")

    assert status == 2
    assert "budget, seed must not be given with it" in err
    assert (through / "champion.yaml").read_bytes() == before


def test_an_edited_configuration_is_not_resumed(
    command: Callable[..., tuple[int, str]], through: Path, tmp_path: Path
) -> None:
    shutil.copytree(through, tmp_path / "run")
    config = tmp_path / "run" / "config.yaml"
    text = config.read_text(encoding="utf-8")
    config.write_text(
        text.replace("population: 8", "population: 9").replace("seed: 1\n", "seed: 2\n"), encoding="utf-8"
    )

    status, err = command("resume=run")

    assert status == 2
    assert "it differs in algorithm, seed. Put it back to go on" in err
    assert err.count("\n") == 1


def test_a_folder_with_a_search_is_not_overwritten(command: Callable[..., tuple[int, str]], through: Path) -> None:
    status, err = command(f"hydra.run.dir={through}")

    assert status == 2
    assert f"To go on with it: resume={through}" in err


def test_scenario_replaces_the_training_scenarios(command: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    status, err = command(
        *SMALL, "scenario={name: heterogeneous, num_requests: 200}", "budget.generations=1", "hydra.run.dir=run"
    )

    assert status == 0, err
    history: list[dict[str, Any]] = pq.read_table(tmp_path / "run" / "history.parquet").to_pylist()
    assert {row["scenario"] for row in history if row["stage"] == "search"} == {"heterogeneous"}


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ("baselines=[default,rivals/preble-tuned.yaml]", {"preble", "lmetric", "preble-tuned"}),
        ("baselines=rivals/preble-tuned.yaml", {"preble-tuned", "published"}),
    ],
)
def test_bundles_are_baselines_and_the_folder_needs_no_file_but_its_own(
    command: Callable[..., tuple[int, str]], tmp_path: Path, given: str, names: set[str]
) -> None:
    rival = tmp_path / "rivals" / "preble-tuned.yaml"
    rival.parent.mkdir()
    rival.write_text("version: 1\nrouting: {policy: preble, most_load_ratio: 3}\n", encoding="utf-8")
    tuned = ["problem=tuned", "problem.tuned.routing={policy:preble,tokens_per_request:{low:1,high:1000}}"]
    status, err = command(*SMALL, *tuned, given, "budget.generations=1", "hydra.run.dir=run")

    assert status == 0, err
    rival.unlink()
    config = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text(encoding="utf-8"))
    assert config["baselines"]["preble-tuned"] == {"routing": {"policy": "preble", "most_load_ratio": 3}}
    rows = pq.read_table(tmp_path / "run" / "history.parquet").to_pylist()
    assert names <= {row["name"] for row in rows if row["stage"] == "baseline"}
    assert command("resume=run") == (0, "written: run\n")


def test_help_lists_the_choices_at_once() -> None:
    began_s = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "evolve.run", "--help"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert time.perf_counter() - began_s < 60
    assert "cmaes, cmaes_optuna, ga, gepa, gp, islands, nsga2, openevolve, policy_iteration, random" in done.stdout
    loaded = done.stderr
    assert not [name for name in ("numba", "ray", "mlflow", "deap", "matplotlib", "pandas") if f" {name}\n" in loaded]


def test_a_damaged_summary_is_refused_in_one_line(through: Path, tmp_path: Path) -> None:
    shutil.copytree(through, tmp_path / "run")
    (tmp_path / "run" / "summary.md").write_bytes(b"\xd9 no text")
    status, _, err = ended(start(tmp_path, f"resume={tmp_path / 'run'}"))

    assert status == 2
    assert "summary.md cannot be read" in err
    assert "Traceback" not in err
