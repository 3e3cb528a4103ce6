"""The fuzzer invents the same cases again, asks all of them, keeps what fails, and outlives what kills a worker."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from blis.foundation.errors import ConfigError
from experiments.fuzz.__main__ import main
from experiments.fuzz.case import Case, read_case, write_case
from experiments.fuzz.child import Child, DiedError
from experiments.fuzz.draw import draw_case
from experiments.fuzz.examination import examine
from experiments.fuzz.options import read_options
from experiments.fuzz.run import mode_of
from experiments.fuzz.shrinking import shrink, without
from experiments.fuzz.subject import Subject, rows_of

SEED = 20
ECHO = "import sys\nfor line in sys.stdin: print(line, end='', flush=True)"
CRASH = (
    "import os, sys\nprint(sys.stdin.readline(), end='', flush=True)\nsys.stdin.readline()\nos.kill(os.getpid(), 11)"
)
HANG = "import sys, time\nprint(sys.stdin.readline(), end='', flush=True)\nsys.stdin.readline()\ntime.sleep(60)"


@pytest.mark.parametrize("number", range(20))
def test_an_invented_case_keeps_every_promise(number: int) -> None:
    verdict = examine(draw_case(SEED, number, "compiled"))

    assert verdict.refused == ""
    assert verdict.failures == ()


def test_a_number_is_the_same_case_again() -> None:
    assert draw_case(SEED, 7, "compiled") == draw_case(SEED, 7, "compiled")
    assert draw_case(SEED, 7, "compiled") != draw_case(SEED, 8, "compiled")


def test_modes_are_dealt_by_number() -> None:
    dealt = [mode_of(number, "mixed") for number in range(100)]

    assert (dealt.count("compiled"), dealt.count("bounds"), dealt.count("python")) == (75, 20, 5)
    assert mode_of(13, "bounds") == "bounds"


@pytest.mark.parametrize("number", range(8))
def test_a_case_reads_back_from_its_file(number: int, tmp_path: Path) -> None:
    case = replace(draw_case(SEED, number, "bounds"), failures=("forks: a line",))

    write_case(case, tmp_path / "case.yaml")
    again = read_case(str(tmp_path / "case.yaml"))

    assert again == case
    assert again.failures == case.failures


def test_a_drawn_workload_is_the_same_run_with_its_requests_one_by_one() -> None:
    drawn = next(case for case in (draw_case(SEED, number, "compiled") for number in range(50)) if case.rows is None)
    written = replace(drawn, rows=rows_of(Subject(drawn).requests))

    one, other = Subject(drawn).outcome.requests, Subject(written).outcome.requests

    assert one.e2e_us.tolist() == other.e2e_us.tolist()
    assert one.cached_blocks.tolist() == other.cached_blocks.tolist()


def test_a_worker_that_dies_is_said_to_have_died_and_the_next_one_answers() -> None:
    child = Child("compiled", [sys.executable, "-c", CRASH])

    with pytest.raises(DiedError, match="crash: SIGSEGV"):
        child.ask({"draw": [1, 2, "compiled"]})

    child.command = [sys.executable, "-c", ECHO]
    assert child.ask({"draw": 3}) == {"draw": 3}
    child.close()


def test_a_worker_that_does_not_answer_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules["experiments.fuzz.child"].MOST_SECONDS, "compiled", 0.2)
    child = Child("compiled", [sys.executable, "-c", HANG])

    with pytest.raises(DiedError, match=r"hang: no answer after 0\.2 s"):
        child.ask({"draw": [1, 2, "compiled"]})
    assert child.process is None


def test_shrinking_keeps_what_makes_a_case_fail() -> None:
    case = next(case for case in (draw_case(SEED, number, "compiled") for number in range(50)) if _has_rows(case, 10))
    assert case.rows is not None
    telling = case.rows[5]["arrival_us"], case.rows[5]["input_tokens"]

    def fails(smaller: Case) -> bool:
        assert smaller.rows is not None
        return any((row["arrival_us"], row["input_tokens"]) == telling for row in smaller.rows)

    small = shrink(case, fails, None, seconds=20)

    assert small.rows is not None
    assert len(small.rows) == 1
    assert small.scenario["policies"]["routing"] == {"policy": "round-robin"}
    assert len(small.scenario["cluster"]["instances"]) == 1


def _has_rows(case: Case, least: int) -> bool:
    return case.rows is not None and len(case.rows) >= least


def test_rows_that_referred_to_a_row_left_out_refer_to_nothing() -> None:
    case = next(case for case in (draw_case(SEED, number, "compiled") for number in range(90)) if _has_rows(case, 10))
    assert case.rows is not None
    rows = (case.rows[0], case.rows[1], case.rows[2] | {"after": 0, "think_us": 5}, case.rows[3] | {"after": 1})

    left = without(rows, 0, 1)

    assert [row["after"] for row in left[1:]] == [-1, 0]
    assert left[1]["think_us"] == 0


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("minute=3", "did you mean 'minutes'"),
        ("seed=-1", "seed must be an int in"),
        ("cases=none", "cases must be an int"),
        ("mode=fast", "no choice named 'fast'"),
        ("fast", "no option 'fast'"),
    ],
)
def test_wrong_words_are_refused_by_name(word: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read_options([word])


def test_a_file_that_is_no_case_is_refused_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "case.yaml").write_text("version: 1\nscenarios: {}\n", encoding="utf-8")

    assert main([f"case={tmp_path / 'case.yaml'}"]) == 2

    told = capsys.readouterr().err
    assert "did you mean 'scenario'" in told
    assert told.count("\n") == 1
