"""`python -m blis.tabulate`: a table is made, a run is priced by it, and wrong input is refused in one line."""

import json
from pathlib import Path

import pytest

from blis.run import main as run
from blis.tabulate import main

pytest.importorskip("aiconfigurator_core")


def test_a_new_model_is_priced_by_one_command_and_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["model=qwen/qwen3-14b", "device=H100", "tensor_parallel=2", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["file"] == "qwen3-14b--H100--tp2--vllm.csv"
    assert "aiconfigurator-core" in report["source"]
    assert report["measured"]["prompt_tokens"] == 16384
    steps = {example["batch"]: example["step_ms"] for example in report["examples"]}
    assert steps["64 decodes behind 16,384 tokens"] > 2 * steps["64 decodes behind 1,024 tokens"]

    priced = [f"cluster.latency.table={tmp_path / report['file']}", "cluster.latency.kind=silicon"]
    served = ["cluster.model=qwen/qwen3-14b", "cluster.hardware=H100", "cluster.tensor_parallel=2"]
    assert run([*served, *priced, "workload.num_requests=20", "output=json"]) == 0
    assert json.loads(capsys.readouterr().out)["completed_requests"] == 20


def test_a_file_is_replaced_only_when_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("kept.csv").write_text("mine")
    asked = ["model=qwen/qwen3-14b", "device=H100", "to=kept.csv"]
    assert main(asked) == 2
    assert "exists already; give overwrite=true" in capsys.readouterr().err
    assert Path("kept.csv").read_text() == "mine"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "key 'model' is required"),
        (["model=qwen/qwen3-14b"], "key 'device' is required"),
        (["model=qwen/qwen3-14c", "device=H100"], "did you mean 'qwen3-14b'"),
        (["model=qwen/qwen3-14b", "device=H10"], "did you mean 'H100'"),
        (["model=qwen/qwen3-14b", "device=H100", "engine=vlm"], "did you mean 'vllm'"),
        (["model=qwen/qwen3-14b", "device=H100", "tensor_parallel=0"], "tensor_parallel must be an int in [1, 1024]"),
        (["model=qwen/qwen3-14b", "device=H100", "tensor_parallel=3"], "no measured kernels for qwen3-14b--H100--tp3"),
        (["model=qwen/qwen3-30b-a3b", "device=H100", "expert_parallel=2"], "expert_parallel must divide"),
        (["model=qwen/qwen3-14b", "device=H100", "to=nowhere/table.csv"], "must be in a folder that exists"),
        (["model=qwen/qwen3-14b", "device=H100", "tp=2"], "unknown key 'tp'"),
    ],
)
def test_wrong_input_is_refused_in_one_line(
    options: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(options) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1
    assert not list(tmp_path.iterdir())
