"""`python -m evolve.leaderboard`: who stands where, why somebody does not, and the same row again."""

import json
from pathlib import Path
from typing import Any

import pytest

from evolve import run
from evolve.leaderboard import main
from evolve.league.reading import read_entry

REPOSITORY = Path(__file__).parents[2] / "leaderboard"
BOARD = """
title: Two small scenarios.
suite: quick
reference: plain
seeds: [1, 2]
num_requests: 150
check: {scenarios: [cache-warmup], seeds: [1], num_requests: 60}
"""
POLICIES = {
    "plain": "routing: {policy: weighted, scorers: {prefix-affinity: 3, queue-depth: 2}}",
    "other": "routing: {policy: weighted, scorers: {queue-depth: 1}}",
    "busiest": "routing: always-busiest",
    "nobody": "admission: reject-all",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A board with a reference, one that is worse, one that breaks constraints, one that was changed, and no policy."""
    own = tmp_path_factory.mktemp("boards")
    board = own / "small"
    board.mkdir()
    (board / "board.yaml").write_text(BOARD)
    for name, text in POLICIES.items():
        (own / f"{name}.yaml").write_text(f"version: 1\n{text}\n")
        words = [f"folder={own}", "board=small", "kind=rival" if name == "plain" else "kind=champion"]
        assert main(["add", str(own / f"{name}.yaml"), *words]) == 0
    changed = (board / "entries" / "busiest.yaml").read_text().replace("always-busiest", "round-robin")
    (board / "entries" / "changed.yaml").write_text(changed)
    (board / "entries" / "unknown.yaml").write_text("version: 1\nrouting: no-such-router\n")
    assert main(["judge", f"folder={own}", "evaluator=serial"]) == 0
    return own


def rows(folder: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    capsys.readouterr()
    assert main([f"folder={folder}", "output=json"]) == 0
    (board,) = json.loads(capsys.readouterr().out)["boards"]
    assert board["is_current"] is True
    return {row["name"]: row for row in board["rows"]}


def test_policies_stand_by_their_gain_over_the_reference(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = rows(folder, capsys)

    counted = [row for row in found.values() if not row["disqualified"]]
    gains = [row["measured"]["gain"] for row in counted]
    assert {row["name"] for row in counted} == {"plain", "other"}
    assert gains == sorted(gains, reverse=True)
    assert found["plain"]["measured"]["gain"] == 0.0
    assert counted[0]["rank"] == 1
    assert counted[0]["behind_first"] is None
    assert counted[1]["behind_first"]["gain"] <= 0.0
    assert found["busiest"]["measured"]["gain"] < 0


def test_who_does_not_count_is_listed_with_the_reason(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = rows(folder, capsys)

    assert found["nobody"]["disqualified"].startswith("constraint broken: ")
    assert "different digest" in found["changed"]["disqualified"]
    assert found["unknown"]["disqualified"].startswith("policy refused: ")
    assert "no-such-router" in found["unknown"]["disqualified"]
    assert found["unknown"]["measured"] is None


@pytest.mark.parametrize("budget", ["full", "check"])
def test_a_row_comes_out_again_byte_for_byte(folder: Path, budget: str, capsys: pytest.CaptureFixture[str]) -> None:
    row = rows(folder, capsys)["other"]

    words = row["command"].split()[3:]
    assert main([*words, f"folder={folder}", "evaluator=serial", f"budget={budget}"]) == 0

    out = capsys.readouterr().out
    assert json.loads(out) == row["measured" if budget == "full" else "check"]


def test_a_row_that_comes_out_differently_is_status_1(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / "small" / "standings.json"
    kept = path.read_text()
    document = json.loads(kept)
    next(row for row in document["rows"] if row["name"] == "busiest")["check"]["wins"] = 99
    path.write_text(json.dumps(document))
    try:
        status = main(["rerun", "small/busiest", f"folder={folder}", "evaluator=serial", "budget=check"])
    finally:
        path.write_text(kept)

    assert status == 1
    assert "small/busiest comes out differently than it stands: wins" in capsys.readouterr().err


def test_standings_of_another_question_say_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    board = folder / "small" / "board.yaml"
    board.write_text(BOARD.replace("seeds: [1, 2]", "seeds: [1, 3]"))
    try:
        assert main([f"folder={folder}", "output=markdown"]) == 0
    finally:
        board.write_text(BOARD)

    assert "judge again" in capsys.readouterr().out


def test_pages_hold_every_row(folder: Path, tmp_path: Path) -> None:
    for output in ("markdown", "html"):
        target = tmp_path / output
        assert main([f"folder={folder}", f"output={output}", f"output.file={target}"]) == 0
        text = target.read_text()
        assert all(name in text for name in ("plain", "busiest", "nobody", "changed", "unknown"))
        assert "python -m evolve.leaderboard rerun small/plain" in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["shwo"], "action: no choice named 'shwo'; did you mean 'show'?"),
        (["show", "more"], "show must have no arguments; got more"),
        (["rerun"], "rerun must have one argument; got none"),
        (["rerun", "small"], "rerun must be given BOARD/ENTRY"),
        (["rerun", "small/nowhere"], "no choice named 'nowhere'"),
        (["rerun", "small/unknown"], "small/unknown is disqualified: policy refused"),
        (["bord=small"], "unknown key 'bord'; did you mean 'board'?"),
        (["add", "nothing.yaml", "board=small"], "must be a policy bundle, or the folder of a search"),
    ],
)
def test_wrong_words_are_refused_in_one_line(
    folder: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, f"folder={folder}"]) == 2

    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_a_policy_joins_a_board_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [f"folder={folder}", "board=small"]

    assert main(["add", str(folder / "busiest.yaml"), "name=again", *words]) == 2
    assert "again must differ from busiest" in capsys.readouterr().err
    assert main(["add", str(folder / "busiest.yaml"), *words]) == 2
    assert "name must be new on the board" in capsys.readouterr().err


def test_what_a_search_had_to_beat_joins_a_board_and_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    board, search = tmp_path / "boards" / "divided", tmp_path / "search"
    board.mkdir(parents=True)
    (board / "board.yaml").write_text(BOARD.replace("reference: plain", "reference: always"))
    small = ["budget.generations=1", "algorithm.population=4", "finalists=1", "tracker=none", "report=false"]
    words = ["problem=pd", "suite=quick", "algorithm=random", *small, f"hydra.run.dir={search}"]
    assert run.main(words) == 0
    assert main(["add", str(search), "board=divided", "name=found", "rivals=known", f"folder={board.parent}"]) == 0

    entries = [read_entry(path) for path in sorted((board / "entries").iterdir())]
    assert {"always", "never", "llm-d", "drift-plus-penalty"} <= {entry.name for entry in entries}
    assert {entry.refusal for entry in entries} == {""}


def test_without_a_leaderboard_the_folder_is_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([f"folder={tmp_path / 'none'}"]) == 2
    assert "folder must be that of a leaderboard" in capsys.readouterr().err


@pytest.mark.parametrize("board", sorted(path.parent.name for path in REPOSITORY.glob("*/standings.json")))
def test_the_top_rows_of_the_leaderboard_come_out_as_they_stand(board: str, capsys: pytest.CaptureFixture[str]) -> None:
    standings = json.loads((REPOSITORY / board / "standings.json").read_text())

    for row in [one for one in standings["rows"] if not one["disqualified"]][:3]:
        words = row["command"].split()[3:]
        status = main([*words, f"folder={REPOSITORY}", "evaluator=serial", "budget=check"])
        assert status == 0, capsys.readouterr().err
        assert json.loads(capsys.readouterr().out) == row["check"]


def test_the_leaderboard_is_measured_on_what_its_boards_ask(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([f"folder={REPOSITORY}", "output=json"]) == 0
    boards = json.loads(capsys.readouterr().out)["boards"]

    assert {board["board"] for board in boards} >= {"autoscaler", "gateway", "pd", "routing"}
    for board in boards:
        assert board["is_current"], board["board"]
        assert {row["name"] for row in board["rows"]} == {
            path.stem for path in (REPOSITORY / board["board"] / "entries").glob("*.yaml")
        }


@pytest.mark.parametrize("board", sorted(path.parent.name for path in REPOSITORY.glob("*/standings.json")))
def test_a_rank_is_the_place_of_the_first_that_has_it(board: str) -> None:
    standings = json.loads((REPOSITORY / board / "standings.json").read_text())

    rows = [row for row in standings["rows"] if not row["disqualified"]]
    gains = [row["measured"]["gain"] for row in rows]
    assert gains == sorted(gains, reverse=True)
    first = 1
    for place, row in enumerate(rows, start=1):
        assert row["rank"] in (first, place)
        first = row["rank"]
