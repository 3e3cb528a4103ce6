"""The experiment that gives every rival a search's budget to choose its numbers."""

from pathlib import Path

import pytest
import yaml

from blis.policies.bundle import read_bundle
from experiments.e004_discovery.rivals import main, rivals


def test_rivals_with_numbers_are_tuned_and_the_others_are_named_with_the_reason() -> None:
    tunable, reasons = rivals("preble,lmetric,shortest-expected-work,llm-d-3-2-2")

    assert list(tunable) == ["preble", "shortest-expected-work", "llm-d-3-2-2"]
    assert reasons == ["not tuned: lmetric must name a policy that has numbers to tune; lmetric has none."]


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("rivals=prebel", "rivals: no choice named 'prebel'; did you mean 'preble'"),
        ("evaluations=0", "evaluations must be an int ≥ 1"),
        ("algorithm=gaa", "algorithm: no choice named 'gaa'"),
        ("colour=red", "no option 'colour=red'"),
    ],
)
def test_wrong_words_are_one_line(word: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([word]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.slow
def test_every_rival_has_the_same_budget_and_leaves_a_bundle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["folder=out", "evaluations=60", "suite=quick", "workers=1", "half_width=0.5", "rivals=preble,dynamo-kv"]

    assert main(words) == 0

    table = capsys.readouterr().out
    assert (tmp_path / "out" / "table.md").read_text(encoding="utf-8") in table
    for name in ("preble", "dynamo-kv"):
        row = next(line for line in table.splitlines() if line.startswith(f"| {name} |"))
        assert 50 <= int(row.split("|")[2]) <= 60
        assert read_bundle(tmp_path / "out" / f"{name}-tuned.yaml").policies["routing"]["policy"] == name
    kept = yaml.safe_load((tmp_path / "out" / "tuned.yaml").read_text(encoding="utf-8"))
    assert set(kept) <= {"preble-tuned", "dynamo-kv-tuned"}

    before = (tmp_path / "out" / "preble-tuned.yaml").stat().st_mtime_ns
    assert main(words) == 0  # nothing is searched again
    assert (tmp_path / "out" / "preble-tuned.yaml").stat().st_mtime_ns == before
