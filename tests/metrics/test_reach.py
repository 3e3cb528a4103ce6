"""What lies beyond the measurements is said, and only that."""

import json
from pathlib import Path

import pytest

from blis.cluster.steps.file import written
from blis.cluster.steps.table import Deployed
from blis.run import main
from tests.cluster.steps.small_table import small_table

#: Prompts of 20,000 to 21,000 tokens.
LONG = [
    "workload.prompt_tokens_mean=20500",
    "workload.prompt_tokens_min=20000",
    "workload.prompt_tokens_max=21000",
]


def notes(folder: Path, capsys: pytest.CaptureFixture[str], *more: str) -> list[str]:
    deployed = Deployed(model="llama-3.1-8b-instruct", device="H100", tensor_parallel=1, engine="vllm")
    (folder / "table.csv").write_text(written(small_table(deployed)))
    priced = ["cluster.latency.kind=silicon", f"cluster.latency.table={folder / 'table.csv'}"]
    workload = ["workload=distribution", "workload.num_requests=5", "workload.rate=1"]
    assert main([*priced, *workload, "output=json", f"hydra.run.dir={folder / 'run'}", *more]) == 0
    return json.loads(capsys.readouterr().out)["notes"]


def test_a_run_inside_the_measurements_has_nothing_to_say(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert not [note for note in notes(tmp_path, capsys) if note.startswith("latency")]


def test_a_batch_limit_beyond_the_measurements_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = notes(tmp_path, capsys, "cluster.step_token_budget=32768", "cluster.max_running_requests=512")
    assert any("step_token_budget allows 32768, steps were measured up to 16384" in note for note in told)
    assert any("max_running_requests allows 512, steps were measured up to 256" in note for note in told)


def test_prompts_beyond_the_measurements_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = notes(tmp_path, capsys, *LONG)
    assert any("5 requests have prompts longer than the 16384 tokens" in note for note in told)
