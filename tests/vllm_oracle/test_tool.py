"""The tool that replays scenarios and compares recordings, as a command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from experiments.vllm_oracle.__main__ import main

PARAMS: dict[str, Any] = {
    "block_size": 4,
    "kv_blocks": 20,
    "max_num_seqs": 4,
    "max_num_batched_tokens": 16,
    "beta_us": [100.0, 10.0, 5.0],
}


def scenario(**changes: Any) -> dict[str, Any]:
    """Two requests, the second of which arrives during the first one's prompt."""
    requests = [
        {"arrival_us": 0, "prompt": [1, 2, 3, 4], "output": [5, 6, 7]},
        {"arrival_us": 1, "prompt": [1, 2, 3, 4, 8], "output": [9]},
    ]
    return {"name": "two", "params": PARAMS | changes, "requests": requests}


def written(folder: Path, name: str, document: Any) -> str:
    """The path of a file that holds a document."""
    path = folder / name
    path.write_text(json.dumps(document), encoding="utf-8")
    return str(path)


def test_what_a_scenario_leaves_out_is_as_vllm_has_it(tmp_path: Path) -> None:
    source, target = written(tmp_path, "scenarios.json", [scenario()]), tmp_path / "out.json"

    assert main(["run", source, str(target)]) == 0

    found = json.loads(target.read_text())["scenarios"]["two"]
    assert found["columns"] == ["ttft_us", "e2e_us", "delay_us", "cached_tokens", "preemptions"]
    # 0: the first prompt, 140, and behind it a decode, 105, is composed at once. The second request is composed at 140,
    # begins at 245 beside the last decode, and finds one block: 100 + 10 + 5.
    assert found["steps"] == [[0, 140, 4, 0], [140, 105, 0, 1], [245, 115, 1, 1]]
    assert found["requests"] == [[140, 360, 0, 0, 0], [359, 359, 139, 4, 0]]


def test_parameters_can_be_replaced(tmp_path: Path) -> None:
    source, target = written(tmp_path, "scenarios.json", [scenario()]), tmp_path / "out.json"

    assert main(["run", source, str(target), "async_scheduling=false", "prefix_caching=false"]) == 0

    # At 140 the second prompt, 5 tokens, beside a decode: 155; then the last decode, 105.
    found = json.loads(target.read_text())["scenarios"]["two"]
    assert found["steps"] == [[0, 140, 4, 0], [140, 155, 5, 1], [295, 105, 0, 1]]
    assert found["requests"] == [[140, 400, 0, 0, 0], [294, 294, 139, 0, 0]]


def test_the_first_request_and_step_that_differ_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = written(tmp_path, "scenarios.json", [scenario()])
    one, other = str(tmp_path / "one.json"), str(tmp_path / "other.json.gz")
    main(["run", source, one])
    main(["run", source, other, "async_scheduling=false"])
    capsys.readouterr()

    assert main(["compare", source, one, one]) == 0
    assert main(["compare", source, one, other]) == 1

    assert capsys.readouterr().out.splitlines() == [
        "2 of 2 requests equal, in 1 scenarios",
        "two: request 1: ttft_us 359 against 254, e2e_us 359 against 254; and 0 requests more",
        "two: step 1 at 140 µs: length_us 105 against 115, prompt_tokens 0 against 1",
        "1 of 2 requests equal, in 1 scenarios",
    ]


def test_steps_as_vllms_scheduler_tells_them_are_understood(tmp_path: Path) -> None:
    source, ours = written(tmp_path, "scenarios.json", [scenario()]), str(tmp_path / "ours.json")
    main(["run", source, ours])
    shares = [[[0, 4, "p"]], [[0, 1, "d"]], [], [[0, 1, "d"], [1, 1, "p"]]]
    told = [(0, 140, 140), (0, 105, 245), (140, 0, 140), (140, 115, 360)]
    steps = [
        {"clock": clock, "us": us, "end": end, "shares": share}
        for (clock, us, end), share in zip(told, shares, strict=True)
    ]
    rows = json.loads(Path(ours).read_text())["scenarios"]["two"]["requests"]
    columns = ("ttft_us", "e2e_us", "delay_us", "cached_tokens", "preemptions")
    theirs = written(
        tmp_path,
        "theirs.json",
        {"two": {"steps": steps, "requests": [dict(zip(columns, row, strict=True)) for row in rows]}},
    )

    assert main(["compare", source, ours, theirs]) == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["rum"], "no command 'rum'; did you mean 'run'?"),
        (["run", "{source}"], "run takes 2 files; got 1"),
        (["run", "{missing}", "{out}"], "there is none at"),
        (["run", "{source}", "{out}", "watermark=2"], "watermark must be a finite number"),
        (["run", "{source}", "{out}", "stop_by_token=true"], "stop_by_token must be false"),
        (["run", "{wrong}", "{out}"], "[0].params: unknown key 'blocks'"),
        (["run", "{long}", "{out}"], "must have at most 6 tokens"),
        (["compare", "{source}", "{source}", "{source}"], "must hold the scenarios of a recording"),
        (["invent", "tights", "{out}"], "no collection 'tights'; did you mean 'tight'?"),
    ],
)
def test_wrong_words_and_files_get_one_line(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = {
        "source": written(tmp_path, "scenarios.json", [scenario()]),
        "wrong": written(tmp_path, "wrong.json", [scenario(blocks=3)]),
        "long": written(tmp_path, "long.json", [scenario(max_model_len=6)]),
        "missing": str(tmp_path / "missing.json"),
        "out": str(tmp_path / "out.json"),
    }

    assert main([word.format(**paths) for word in words]) == 2

    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1
    assert not (tmp_path / "out.json").exists()
