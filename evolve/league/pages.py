"""Standings for people: on a terminal, as Markdown, and as a page."""

import html
from collections.abc import Sequence
from typing import Any

from evolve.evidence.text import table
from evolve.league import Board, Row, Standings

_TITLES = ("rank", "policy", "kind", "over the reference", "runs", "behind the first", "again by")
STALE = "Measured on another question than board.yaml now asks: judge again (python -m evolve.leaderboard judge)."


def intro(board: Board) -> str:
    """What is compared, in a sentence."""
    goals = ", ".join(f"{name} {weight:g}" for group in board.goals.groups for name, weight in group.items())
    return (
        f"{board.title} Suite {board.suite}: {len(board.full.scenarios)} scenarios, seeds "
        f"{', '.join(map(str, board.full.seeds))}; objectives {goals}; reference {board.reference}."
    )


def cells(row: Row) -> tuple[str, ...]:
    """A row that counts, as text."""
    measured = row["measured"]
    name = f"{row['name']} (reference)" if row["is_reference"] else str(row["name"])
    behind = row["behind_first"]
    return (
        str(row["rank"]),
        name,
        str(row["kind"]),
        "0" if row["is_reference"] else _effect(measured),
        str(measured["runs"]),
        "-" if behind is None else _effect(behind),
        str(row["command"]),
    )


def markdown(boards: Sequence[tuple[Board, Standings | None]]) -> str:
    """All boards as one document."""
    lines = [
        "# Leaderboard",
        "",
        "Champions of searches and known policies, judged on the same requests by the judge of `evolve.compare`. Gains",
        "are over the reference of each board, with 95 % intervals. Going down by gain, a policy shares the rank of",
        "the first that has it, unless that one is shown to be better: then its rank is its place. Every row can be",
        "measured again by its command, which compares what comes out byte for byte.",
    ]
    for board, standings in boards:
        lines += ["", f"## {board.name}", "", intro(board), ""]
        if standings is None:
            lines.append("Not judged yet: `python -m evolve.leaderboard judge`.")
            continue
        if standings.digest != board.digest:
            lines += [STALE, ""]
        sound, out = _split(standings)
        lines += table(_TITLES, [(*cells(row)[:-1], f"`{row['command']}`") for row in sound])
        if out:
            lines += ["", "Disqualified:", ""]
            lines += table(("policy", "kind", "why"), [(row["name"], row["kind"], row["disqualified"]) for row in out])
    return "\n".join(lines) + "\n"


def page(boards: Sequence[tuple[Board, Standings | None]]) -> str:
    """All boards as one page without anything from elsewhere."""
    parts = [_HEAD]
    for board, standings in boards:
        parts.append(f"<h2>{html.escape(board.name)}</h2><p>{html.escape(intro(board))}</p>")
        if standings is None:
            parts.append("<p>Not judged yet.</p>")
            continue
        if standings.digest != board.digest:
            parts.append(f"<p><strong>{html.escape(STALE)}</strong></p>")
        sound, out = _split(standings)
        parts.append(_html_table(_TITLES, [cells(row) for row in sound]))
        if out:
            rows = [(row["name"], row["kind"], row["disqualified"]) for row in out]
            parts.append(f"<h3>Disqualified</h3>{_html_table(('policy', 'kind', 'why'), rows)}")
    return "\n".join([*parts, "</body></html>", ""])


def print_text(boards: Sequence[tuple[Board, Standings | None]]) -> None:
    """All boards as tables on standard output."""
    import sys

    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else 160, highlight=False)
    for board, standings in boards:
        console.print(f"{board.name}: {intro(board)}", markup=False)
        if standings is None:
            console.print("not judged yet: python -m evolve.leaderboard judge", markup=False)
            continue
        if standings.digest != board.digest:
            console.print(STALE, markup=False)
        sound, out = _split(standings)
        shown = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for heading in _TITLES:
            shown.add_column(heading, overflow="fold")
        for row in sound:
            shown.add_row(*map(escape, cells(row)))
        console.print(shown)
        for row in out:
            console.print(f"disqualified: {row['name']}: {row['disqualified']}", markup=False)
    sys.stdout.flush()


def plain(boards: Sequence[tuple[Board, Standings | None]]) -> dict[str, Any]:
    """All boards, ready for JSON."""
    return {
        "boards": [
            {
                "board": board.name,
                "title": board.title,
                "suite": board.suite,
                "scenarios": [one.name for one in board.full.scenarios],
                "seeds": list(board.full.seeds),
                "objectives": [dict(group) for group in board.goals.groups],
                "reference": board.reference,
                "is_current": standings is not None and standings.digest == board.digest,
                "rows": [] if standings is None else list(standings.rows),
            }
            for board, standings in boards
        ]
    }


def _split(standings: Standings) -> tuple[list[Row], list[Row]]:
    """Those that count, and those that do not."""
    return [row for row in standings.rows if not row["disqualified"]], [
        row for row in standings.rows if row["disqualified"]
    ]


def _effect(shares: Any) -> str:
    low, high = shares["low"], shares["high"]
    bounds = "" if low is None or high is None else f" [{100 * low:+.2f}, {100 * high:+.2f}]"
    return f"{100 * shares['gain']:+.2f} %{bounds}"


def _html_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{html.escape(one)}</th>" for one in titles)
    body = "".join(f"<tr>{''.join(f'<td>{html.escape(str(cell))}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


_HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Leaderboard</title><style>
body { font: 15px/1.4 sans-serif; margin: 2em auto; max-width: 75em; padding: 0 1em; }
table { border-collapse: collapse; } td, th { padding: .25em .7em; text-align: left; border-bottom: 1px solid #ccc; }
td:last-child { font-family: monospace; font-size: 12px; }
</style></head><body><h1>Leaderboard</h1>"""
