"""Members of families on the command line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from blis import describe
from tests.families.small_family import write_family


def test_a_member_is_run_and_what_was_drawn_is_said(run: Callable[..., Any], tmp_path: Path) -> None:
    path = write_family(tmp_path)
    status, out, err = run(f"scenario={path}#3", "output=json")
    again = run(f"scenario={path}#3", "output=json")
    other = run(f"scenario={path}#4", "output=json")

    assert status == 0, err
    (note,) = [one for one in json.loads(out)["notes"] if one.startswith("small#3 drew ")]
    assert "cluster.instances " in note
    assert "its cluster carries " in note
    assert again.out == out
    assert other.out != out


def test_the_command_line_wins_over_what_was_drawn(run: Callable[..., Any], tmp_path: Path) -> None:
    path = write_family(tmp_path)
    status, out, err = run(f"scenario={path}#3", "cluster.instances=5", "scenario.num_requests=30", "output=json")

    assert status == 0, err
    assert json.loads(out)["injected_requests"] == 30


def test_a_family_alone_is_refused_in_one_line(run: Callable[..., Any]) -> None:
    status, _, err = run("scenario=chat")

    assert status == 2
    assert err == "error: scenario: chat is a family; say which member is meant, such as chat#1.\n"


def test_a_members_workload_can_be_described(tmp_path: Path, capsys: Any, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    capsys.readouterr()

    assert describe.main(["describe", f"scenario={write_family(tmp_path)}#3", "--json"]) == 0
    notes = json.loads(capsys.readouterr().out)["notes"]
    assert any(note.startswith("small#3 drew ") for note in notes)
