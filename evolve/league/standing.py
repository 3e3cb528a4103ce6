"""Who stands where: rows of all entries, ranks that the intervals allow, and the disqualified with their reasons."""

from collections.abc import Callable
from typing import Any

from blis.output.printing import json_text
from evolve.comparing import Effect
from evolve.evidence.pairs import shares
from evolve.league import STANDINGS, Board, Entry, Row, Standings
from evolve.league.measuring import Measured
from evolve.outcome.files import write_text_whole


def command(board: str, name: str) -> str:
    """What measures a row again."""
    return f"python -m evolve.leaderboard rerun {board}/{name}"


def judged(board: Board, evaluator: str, done: Callable[[int], None] = lambda count: None) -> Standings:
    """The standings of a board, everything measured.

    Of policies in the order of their gains, one shares the rank of the first of those before it that have the same
    rank, unless that one is shown to be better: then its rank is its place.
    """
    full, check = Measured(board, board.full, evaluator, done), Measured(board, board.check, evaluator, done)
    try:
        rows = {name: _row(board, entry, full, check) for name, entry in board.entries.items()}
        sound = [name for name, row in rows.items() if not row["disqualified"]]
        order = sorted(sound, key=lambda name: (-rows[name]["measured"]["gain"], name))
        first_of_rank = 0
        for place, name in enumerate(order):
            entry, ahead = board.entries[name], board.entries[order[first_of_rank]]
            if place and _is_shown(full.against(ahead, entry).overall):
                first_of_rank = place
            rows[name] |= {
                "rank": 1 + first_of_rank,
                "behind_first": None if place == 0 else shares(full.against(entry, board.entries[order[0]]).overall),
            }
    finally:
        full.close()
        check.close()
    return Standings(board.digest, tuple(sorted(rows.values(), key=_place)))


def _place(row: Row) -> tuple[bool, int, float, str]:
    """The best ranks first, of equal ones the largest gain; the disqualified last."""
    if row["disqualified"]:
        return True, 0, 0.0, row["name"]
    return False, row["rank"], -row["measured"]["gain"], row["name"]


def write_standings(board: Board, standings: Standings) -> None:
    """Write `standings.json`."""
    document = {"board": board.name, "digest": standings.digest, "rows": list(standings.rows)}
    write_text_whole(board.folder / STANDINGS, json_text(document))


def _row(board: Board, entry: Entry, full: Measured, check: Measured) -> dict[str, Any]:
    row: dict[str, Any] = {
        "name": entry.name,
        "kind": entry.kind,
        "is_reference": entry.name == board.reference,
        "source": entry.source,
        "command": command(board.name, entry.name),
        "disqualified": entry.refusal,
        "measured": None,
        "check": None,
    }
    if entry.phenotype is None:
        return row
    row |= {"measured": full.row(entry), "check": check.row(entry)}
    return row | {"disqualified": _reason(row["measured"])}


def _reason(measured: dict[str, Any]) -> str:
    """Why a row does not count; nothing if it does."""
    if measured["failed"] is not None:
        return f"a run failed: {measured['failed']}"
    if measured["violation"]:
        broken = ", ".join(f"{name} by {value:.4f}" for name, value in measured["violation"].items())
        return f"constraint broken: {broken}"
    return "" if measured["gain"] is not None else "no objective is defined in its runs"


def _is_shown(effect: Effect) -> bool:
    return effect.reading == "better"
