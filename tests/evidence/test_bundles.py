"""`python -m evolve.compare`: any policies, beside each other, without a search."""

import json
from pathlib import Path

import pytest

from evolve.compare import main

LLM_D = "{policy: weighted, scorers: {prefix-affinity: 3, queue-depth: 2, kv-utilization: 2}}"
SUITE = """
train: {scenarios: [mixed-slo], seeds: [1]}
validation: {scenarios: [cache-warmup], seeds: [2]}
test:
  scenarios: [{name: kv-pressure, num_requests: 300}, {name: bursty, num_requests: 300}]
  seeds: [3]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    texts = {
        "plain": f"routing: {LLM_D}",
        "good": f"routing: {LLM_D}\npriority: slo-class\nscheduling: priority-fcfs",
        "bad": "routing: always-busiest",
        "same": f"routing: {LLM_D}\nscheduling: fcfs",
    }
    for name, text in texts.items():
        (tmp_path / f"{name}.yaml").write_text(f"version: 1\n{text}\n")
    (tmp_path / "suite.yaml").write_text(SUITE)
    return tmp_path


def compared(folder: Path, *words: str) -> int:
    files = [str(folder / word) if word.endswith(".yaml") else word for word in words]
    return main([*files, f"suite={folder / 'suite.yaml'}", "evaluator=serial", "first_seeds=3", "most_runs=20"])


def test_every_pair_gets_a_gain_an_interval_and_a_verdict(folder, capsys):
    assert compared(folder, "plain.yaml", "bad.yaml", "good.yaml", "output=json") == 0

    document = json.loads(capsys.readouterr().out)
    pairs = {(one["a"], one["b"]): one for one in document["pairs"]}
    assert list(pairs) == [("plain", "bad"), ("plain", "good"), ("bad", "good")]
    lost = pairs["bad", "good"]
    assert lost["verdict"] == "good is better than bad"
    assert lost["low"] <= lost["gain"] <= lost["high"] < -0.2
    assert 6 <= lost["runs"] <= 20
    assert list(document["by_scenario"]) == ["kv-pressure", "bursty"]
    assert [len(own) for own in document["by_scenario"].values()] == [3, 3]
    assert document["objectives"] == {"lateness": 0.4, "promised-time": 0.3, "slo-attainment": 0.3}


def test_the_same_is_said_every_time_and_to_people_in_words(folder, capsys):
    words = ("plain.yaml", "bad.yaml", "roles=[validation]", "num_requests=1")
    assert compared(folder, *words) == 2  # there is no such key
    assert "num_requests" in capsys.readouterr().err

    assert compared(folder, "plain.yaml", "bad.yaml") == 0
    first = capsys.readouterr().out
    assert compared(folder, "plain.yaml", "bad.yaml") == 0
    assert capsys.readouterr().out == first
    assert first.startswith("plain is better than bad: +")
    assert "| kv-pressure" in first


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["plain.yaml"], "policies must be at least two"),
        (["plain.yaml", "plain.yaml"], "policies must be different files"),
        (["plain.yaml", "same.yaml"], "plain and same must differ"),
        (["plain.yaml", "nothing.yaml"], "nothing.yaml"),
        (["plain.yaml", "bad.yaml", "half_width=0"], "half_width must be a finite number > 0"),
        (["plain.yaml", "bad.yaml", "roles=[tset]"], "did you mean 'test'"),
        (["plain.yaml", "bad.yaml", "roles=[]"], "roles must be a list of at least one"),
        (["plain.yaml", "bad.yaml", "objectives={lateness: 1, complexity: 1}"], "complexity"),
        (["plain.yaml", "bad.yaml", "output=xml"], "output"),
    ],
)
def test_wrong_questions_are_refused_with_one_line(folder, capsys, words, message):
    assert compared(folder, *words) == 2

    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.strip().count("\n") == 0
    assert message in captured.err
