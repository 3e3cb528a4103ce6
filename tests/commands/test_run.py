"""The command: what works, what it prints, and what it leaves behind."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from pyarrow import parquet

from blis import result
from blis.foundation.errors import LawBrokenError
from blis.run import main

SMALL = ("workload=chatbot", "workload.num_requests=20", "workload.rate=10", "hydra.run.dir=here")
REPOSITORY = Path(__file__).resolve().parents[2]
FILES = ["config.yaml", "instances.parquet", "metrics.json", "policies.yaml", "requests.parquet"]


def test_default_run_serves_the_azure_excerpt(run) -> None:
    ran = run("output=json")
    metrics = json.loads(ran.out)

    assert ran.status == 0
    assert ran.err == ""
    assert metrics["completed_requests"] == metrics["injected_requests"] == 2000
    assert metrics["kv_total_blocks"] == 4 * 28130  # four instances, what one H100 has left for blocks
    assert [one["injected_requests"] for one in metrics["instances"]] == [500] * 4  # round-robin


def test_same_seed_gives_the_same_bytes(run) -> None:
    first, second, other = (run(*SMALL, "output=json", f"seed={seed}") for seed in (7, 7, 8))

    assert first.out == second.out
    assert first.out != other.out


def test_printed_json_is_the_file_and_has_no_wall_clock(run, tmp_path: Path) -> None:
    ran = run(*SMALL, "output=json")

    assert (tmp_path / "here" / "metrics.json").read_text() == ran.out
    assert "engine" not in ran.out


def test_text_summary_shows_cluster_instances_and_speed(run) -> None:
    ran = run(*SMALL)

    assert ran.status == 0
    assert ran.err == ""
    for words in ("injected", "latency [ms]", "TTFT", "cache hit rate", "instance", "requests/s", "engine:"):
        assert words in ran.out


def test_run_folder_holds_exactly_its_files(run, tmp_path: Path) -> None:
    run(*SMALL)

    assert sorted(os.listdir(tmp_path)) == ["here"]
    assert sorted(os.listdir(tmp_path / "here")) == FILES


def test_default_folder_names_date_time_and_process(run, tmp_path: Path) -> None:
    run(*SMALL[:-1])

    (folder,) = tmp_path.glob("outputs/*/*")
    assert folder.name.endswith(f"-{os.getpid()}")


def test_tables_are_readable_and_agree_with_the_metrics(run, tmp_path: Path) -> None:
    metrics = json.loads(run(*SMALL, "output=json").out)
    requests = parquet.read_table(tmp_path / "here" / "requests.parquet")
    instances = parquet.read_table(tmp_path / "here" / "instances.parquet")

    assert requests.num_rows == 20
    assert set(requests["status"].to_pylist()) == {"completed"}
    e2e_ms = requests["e2e_ms"].to_pylist()
    assert sum(e2e_ms) / 20 == pytest.approx(metrics["e2e_mean_ms"])
    assert all(ttft <= e2e for ttft, e2e in zip(requests["ttft_ms"].to_pylist(), e2e_ms, strict=True))
    assert sum(instances["completed_requests"].to_pylist()) == 20
    assert {
        *("request", "slo_class", "tenant", "session", "instance", "arrival_us", "scheduling_delay_ms", "itl_mean_ms"),
        *("input_tokens", "output_tokens", "cached_tokens", "computed_tokens", "preemptions"),
    } <= set(requests.column_names)


def test_what_never_happened_is_null(run, tmp_path: Path) -> None:
    metrics = json.loads(run(*SMALL, "output=json", "admission=reject-all").out)
    requests = parquet.read_table(tmp_path / "here" / "requests.parquet")

    assert metrics["rejected_requests"] == 20
    assert metrics["ttft_p99_ms"] is None
    assert metrics["itl_mean_ms"] is None
    assert metrics["cache_hit_rate"] is None
    assert requests["e2e_ms"].null_count == requests["instance"].null_count == 20


def test_saved_configuration_repeats_the_run(run, tmp_path: Path) -> None:
    (tmp_path / "bundle.yaml").write_text("version: 1\nrouting: {policy: weighted, scorers: {queue-depth: 1}}\n")
    first = run(*SMALL, "output=json", "policies=bundle.yaml", "cluster.instances=2", "seed=5")
    (tmp_path / "bundle.yaml").unlink()

    second = run("--config-dir", "here", "--config-name", "config", "hydra.run.dir=there")

    assert second.status == 0
    drop_notes = [json.loads(ran.out) | {"notes": []} for ran in (first, second)]
    assert drop_notes[0] == drop_notes[1]


def test_exported_requests_replay_alike(run, tmp_path: Path) -> None:
    first = json.loads(run(*SMALL, "output=json", "export_requests=true").out)
    again = json.loads(
        run("workload=trace-v2", "workload.path=here/trace.yaml", "hydra.run.dir=there", "output=json").out
    )

    assert (tmp_path / "here" / "trace.csv").is_file()
    assert again["e2e_p99_ms"] == first["e2e_p99_ms"]


def test_plots_are_written(run, tmp_path: Path) -> None:
    ran = run(*SMALL, "plots=true")

    assert ran.status == 0
    for name in ("latency.png", "load.png", "requests.png"):
        assert (tmp_path / "here" / name).read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "arguments",
    [
        ("routing=least-loaded",),
        ("routing=weighted", "routing.scorers=[{name: queue-depth, weight: 1}]"),
        ("routing=weighted", "routing.scorers=prefix-affinity:3,queue-depth:2"),
        ("routing={policy: weighted, scorers: {queue-depth: 1}}",),
        ("priority=slo-class", "scheduling=priority-fcfs", "preemption=lowest-priority"),
        ("admission=token-bucket", "admission.capacity_tokens=500"),
        ("cluster.instances=8",),
        ("cluster.instances=[{count: 1},{count: 2, hardware: A100-80, kv_blocks: 500}]",),
        ("cluster.latency.kind=roofline",),
        ("cluster.latency=trained-physics",),
        ("cluster=qwen-7b-h100",),
        ("cluster=llama-8b-mixed",),
        ("semantics=reference-2026-04",),
        ("horizon_us=1000000",),
        ("cluster.snapshot_refresh_us=50000", "cluster.admission_latency_us=10", "cluster.routing_latency_us=10"),
        ("~routing",),
    ],
)
def test_what_users_write_works(arguments: tuple[str, ...], run) -> None:
    ran = run(*SMALL, "output=json", *arguments)
    metrics = json.loads(ran.out)

    assert (ran.status, ran.err) == (0, "")
    assert metrics["injected_requests"] == 20


def test_a_python_callable_routes(run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_routing.py").write_text("def last(view, request, params, memory, scores):\n    return 3\n")
    monkeypatch.syspath_prepend(tmp_path)

    metrics = json.loads(run(*SMALL, "output=json", "routing=my_routing:last", "allow_python=true").out)

    assert [one["injected_requests"] for one in metrics["instances"]] == [0, 0, 0, 20]


def test_bundle_overrides_question_by_question(run, tmp_path: Path) -> None:
    (tmp_path / "bundle.yaml").write_text("version: 1\nrouting: always-busiest\nlineage: {parent: 7}\n")

    ran = run(*SMALL, "output=json", "policies=bundle.yaml", "routing=least-loaded", "scheduling=sjf")
    written = yaml.safe_load((tmp_path / "here" / "policies.yaml").read_text())

    assert json.loads(ran.out)["notes"] == ["policies: bundle.yaml answers routing."]
    assert written["routing"] == {"policy": "always-busiest"}
    assert written["scheduling"] == {"policy": "sjf"}
    assert written["lineage"] == {"parent": 7}


def test_written_bundle_says_every_parameter_and_runs_again(run, tmp_path: Path) -> None:
    first = run(*SMALL, "output=json", "routing=weighted")
    written = yaml.safe_load((tmp_path / "here" / "policies.yaml").read_text())
    second = run(*SMALL, "output=json", "policies=here/policies.yaml")

    assert written["routing"]["scorers"][0] == {"name": "prefix-affinity", "weight": 3.0}
    assert json.loads(second.out) | {"notes": []} == json.loads(first.out)


def test_hydra_mode_makes_a_sweep_too(run, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "swept.yaml").write_text("defaults: [run, _self_]\nhydra: {mode: MULTIRUN}\n")
    arguments = ("seed=1,2", *SMALL[:-1])

    by_key = run("hydra.mode=MULTIRUN", *arguments, "hydra.sweep.dir=by_key")
    by_file = run("--config-dir", "more", "--config-name", "swept", *arguments, "hydra.sweep.dir=by_file")

    assert (by_key.status, by_file.status) == (0, 0), by_file.err
    for folder in ("by_key", "by_file"):
        assert sorted(path.parent.name for path in (tmp_path / folder).glob("*/metrics.json")) == ["0", "1"]


def test_multirun_prints_each_job_and_keeps_folders_apart(run, tmp_path: Path) -> None:
    ran = run("seed=1,2", "-m", *SMALL[:-1], "hydra.sweep.dir=sweep")

    assert ran.status == 0
    assert ran.out.count("engine:") == 2
    for job in ("0", "1"):
        assert sorted(os.listdir(tmp_path / "sweep" / job)) == FILES


def test_a_job_that_fails_does_not_stop_the_sweep(run) -> None:
    ran = run("cluster.kv_blocks=0,500", "-m", *SMALL[:-1], "hydra.sweep.dir=sweep")

    assert ran.status == 2
    assert ran.out.count("engine:") == 1
    assert ran.err.count("error: ") == 1


def test_rows_out_of_order_are_accepted_with_a_note(run, tmp_path: Path) -> None:
    rows = ["TIMESTAMP,ContextTokens,GeneratedTokens"]
    rows += [f"2023-11-16 18:15:{second}.0,10,5" for second in ("46", "44", "45")]
    (tmp_path / "log.csv").write_text("\n".join(rows) + "\n")

    metrics = json.loads(run("workload.path=log.csv", "output=json").out)

    assert metrics["completed_requests"] == 3
    assert metrics["notes"] == ["2 of 3 rows were out of order and have been sorted"]


def test_equal_arrivals_are_accepted(run, tmp_path: Path) -> None:
    row = "2023-11-16 18:15:46.0,10,5\n"
    (tmp_path / "log.csv").write_text("TIMESTAMP,ContextTokens,GeneratedTokens\n" + row * 5)

    metrics = json.loads(run("workload.path=log.csv", "output=json").out)

    assert metrics["completed_requests"] == 5


def test_paths_may_hold_spaces_and_commas(run, tmp_path: Path) -> None:
    (tmp_path / "a log, (mine).csv").write_text("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.0,10,5\n")

    ran = run("workload.path=a log, (mine).csv", "hydra.run.dir=here", "output=json")

    assert (ran.status, ran.err) == (0, "")


def test_stalled_run_has_status_1(run) -> None:
    # 12 blocks hold 192 tokens: prompts of 100 fit, prompt and output of 200 never do, and are preempted for ever
    ran = run(
        "workload=distribution", "workload.num_requests=1", "workload.prompt_tokens_mean=100",
        "workload.prompt_tokens_stdev=0", "workload.output_tokens_mean=200", "workload.output_tokens_stdev=0",
        "cluster.kv_blocks=12", "semantics=reference-2026-04",
    )  # fmt: skip

    assert ran.status == 1
    assert ran.err.startswith("error: the run used up its event budget: instance 0 at")
    assert ran.err.count("\n") == 1


@pytest.mark.parametrize(
    ("raised", "status", "words"), [(KeyboardInterrupt(), 130, "interrupted"), (LawBrokenError("lost"), 1, "lost")]
)
def test_interruption_and_failure_have_their_status(raised, status, words, run, monkeypatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise raised

    monkeypatch.setattr(result, "simulate", fail)

    ran = run(*SMALL)

    assert (ran.status, ran.err) == (status, f"error: {words}\n")


def test_full_disk_is_a_clear_error(run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", fail)

    ran = run(*SMALL)

    assert ran.status == 2
    assert "hydra.run.dir must be a folder that can be written, with room in it" in ran.err
    assert "No space left on device" in ran.err
    assert not list(tmp_path.glob("here/*"))


def test_help_is_quick_and_lists_choices() -> None:
    code = "import sys; from blis.run import main; s = main(['--help']); print([m for m in sys.modules if m in " \
           "('numba', 'numpy', 'pyarrow', 'matplotlib', 'rich')]); sys.exit(s)"  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=REPOSITORY, check=False)

    assert done.returncode == 0
    assert "workload: azure, bailian, burstgpt, bursty, chatbot" in done.stdout
    assert done.stdout.endswith("[]\n")  # nothing heavy was imported


@pytest.mark.parametrize("more", [(), ("output=json",), ("trace=decisions", "routing=weighted")])
def test_run_imports_nothing_that_others_need(more: tuple[str, ...], tmp_path: Path) -> None:
    heavy = ("pandas", "scipy.linalg", "matplotlib", "plotly", "ray", "mlflow", "deap")
    code = f"import sys; from blis.run import main; main({[*SMALL, *more]}); print({set(heavy)} & set(sys.modules))"
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, env=environment, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("set()\n")


def test_process_keeps_results_and_errors_apart(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "blis.run"]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}

    good = subprocess.run(
        [*command, *SMALL, "output=json"], capture_output=True, text=True, cwd=tmp_path, env=environment, check=False
    )
    bad = subprocess.run(
        [*command, "seed=-1"], capture_output=True, text=True, cwd=tmp_path, env=environment, check=False
    )

    assert (good.returncode, good.stderr) == (0, "")
    assert json.loads(good.stdout)["completed_requests"] == 20
    assert (bad.returncode, bad.stdout, bad.stderr) == (2, "", "error: seed must be an int ≥ 0; got -1.\n")


def test_interrupted_process_has_status_130(tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(
        "import pathlib, time\ndef route(*_):\n    pathlib.Path('started').touch()\n    time.sleep(60)\n    return 0\n"
    )
    command = [sys.executable, "-m", "blis.run", *SMALL, "routing=slow:route", "allow_python=true"]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}

    def listen_to_interrupts() -> None:
        # A shell's background job ignores them, and so would its children.
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, cwd=tmp_path, env=environment, preexec_fn=listen_to_interrupts
    ) as process:
        while not (tmp_path / "started").exists() and process.poll() is None:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)

    assert (process.returncode, err) == (130, "error: interrupted\n")
    assert not (tmp_path / "here").exists()


def test_main_without_arguments_reads_the_command_line(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr(sys, "argv", ["blis", "--nope"])

    assert main() == 2
    assert capsys.readouterr().err.startswith("error: no flag named '--nope'")
