"""The command `python -m evolve.leaderboard [show|add|judge|rerun]`: champions and rivals per problem, to be checked.

Imports nothing heavy before it is needed, so that `--help` answers at once.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from blis.command.ending import Arguments, ending
from blis.command.terminating import interruptible
from blis.foundation.errors import BlisError

OUTPUTS = ("text", "json", "markdown", "html")
_EPILOG = """\
  show                          the standings (default)
  add FILE|FOLDER board=NAME    a policy bundle or a search's champion joins a board
  judge                         measure all entries and write the standings, and README.md beside them
  rerun BOARD/ENTRY             measure one row again; exit status 1 unless it comes out byte for byte

options:
  folder=PATH                   of the boards; default leaderboard
  board=NAME                    one board alone
  output=text|json|markdown|html
  output.file=PATH              write it there; overwrite=true replaces a file that exists
  evaluator=threads             serial, threads or ray, for judge and rerun
  budget=full|check             for rerun: as the standings, or a quick look at some short scenarios
  name=NAME kind=champion|rival for add
  rivals=known|all              for add of a search: also what it had to beat, as its problem knows it or all

examples:
  python -m evolve.leaderboard
  python -m evolve.leaderboard rerun gateway/gateway-3 budget=check
  python -m evolve.leaderboard add outputs/my-search board=gateway name=mine && python -m evolve.leaderboard judge

Exit status: 0 done; 1 a row came out differently; 2 wrong input; 130 interrupted.
"""
_ACTIONS = ("show", "add", "judge", "rerun")


class DifferentRowError(BlisError, RuntimeError):
    """A row does not come out as it stands."""


@interruptible
def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says and return the exit status."""
    parser = Arguments(
        prog="python -m evolve.leaderboard",
        description="Who does best at each problem: champions and rivals, on stated seeds, every row to be rerun.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("words", nargs="*", metavar="ACTION, key=value", help="see below")
    words = parser.parse_args(arguments).words
    return ending(lambda: _run(words))


def _run(words: Sequence[str]) -> None:
    from blis.command.workload_choice import options_of
    from blis.foundation.checks import check_choice
    from blis.foundation.errors import ConfigError

    plain = [word for word in words if "=" not in word]
    options = options_of([word for word in words if "=" in word])
    action = check_choice("action", plain[0] if plain else "show", _ACTIONS)
    named = plain[1:]
    if len(named) != (action in ("add", "rerun")):
        wanted = "one argument" if action in ("add", "rerun") else "no arguments"
        raise ConfigError(f"{action} must have {wanted}; got {', '.join(named) or 'none'}.")
    actions: dict[str, Callable[..., None]] = {"show": _show, "judge": _judge, "add": _add, "rerun": _rerun}
    actions[action](options, *named)


def _show(options: dict[str, Any]) -> None:
    from blis.foundation.checks import check_choice, check_keys
    from blis.output.printing import json_text
    from evolve.exchange.files import check_target, write_whole
    from evolve.league import FOLDER, pages
    from evolve.league.reading import boards_of, read_board, read_standings

    given = check_keys("options", options, ("folder", "board", "output", "output.file", "overwrite"))
    output = check_choice("output", given.get("output", "text"), OUTPUTS)
    target = check_target(given)
    found = [
        (read_board(path), read_standings(path))
        for path in boards_of(Path(str(given.get("folder", FOLDER))), given.get("board"))
    ]
    if output == "text" and target is None:
        pages.print_text(found)
        return
    if output == "json":
        text = json_text(pages.plain(found))
    else:
        text = pages.page(found) if output == "html" else pages.markdown(found)
    if target is None:
        sys.stdout.write(text)
        sys.stdout.flush()
    else:
        write_whole(target, text)
        print(f"written: {target}", file=sys.stderr)


def _judge(options: dict[str, Any]) -> None:
    from blis.foundation.checks import check_keys
    from evolve.evidence.reporting import progress
    from evolve.exchange.files import write_whole
    from evolve.league import FOLDER, pages
    from evolve.league.reading import boards_of, read_board, read_standings
    from evolve.league.standing import judged, write_standings

    given = check_keys("options", options, ("folder", "board", "evaluator"))
    folder = Path(str(given.get("folder", FOLDER)))
    with progress() as done:
        for path in boards_of(folder, given.get("board")):
            board = read_board(path)
            standings = judged(board, str(given.get("evaluator", "threads")), partial(done, path.name))
            write_standings(board, standings)
    found = [(read_board(path), read_standings(path)) for path in boards_of(folder, None)]
    write_whole(folder / "README.md", pages.markdown(found))
    pages.print_text([pair for pair in found if given.get("board") in (None, pair[0].name)])


def _add(options: dict[str, Any], path: str) -> None:
    from blis.foundation.checks import check_choice, check_keys
    from evolve.league import FOLDER
    from evolve.league.adding import add, add_known
    from evolve.league.reading import boards_of

    given = check_keys("options", options, ("folder", "board", "name", "kind", "rivals"), ("board",))
    folder = Path(str(given.get("folder", FOLDER)))
    board = folder / check_choice("board", given["board"], [one.name for one in boards_of(folder, None)])
    added = add_known(board, path, given["rivals"]) if "rivals" in given else []
    print(", ".join([add(board, path, given.get("name"), given.get("kind")), *added]))


def _rerun(options: dict[str, Any], row: str) -> None:
    from blis.foundation.checks import check_choice, check_keys
    from blis.foundation.errors import ConfigError
    from blis.output.printing import json_text
    from evolve.evidence.reporting import progress
    from evolve.league import FOLDER
    from evolve.league.measuring import Measured
    from evolve.league.reading import boards_of, read_board, read_standings

    given = check_keys("options", options, ("folder", "evaluator", "budget"))
    budget = check_choice("budget", given.get("budget", "full"), ("full", "check"))
    name, slash, entry = row.partition("/")
    if not slash:
        raise ConfigError(f"rerun must be given BOARD/ENTRY; got {row!r}.")
    (path,) = boards_of(Path(str(given.get("folder", FOLDER))), name)
    board, standings = read_board(path), read_standings(path)
    chosen = board.entries[check_choice(f"{name}: entry", entry, board.entries)]
    if chosen.phenotype is None:
        raise ConfigError(f"{row} is disqualified: {chosen.refusal}")
    with progress() as done:
        measured = Measured(board, board.full if budget == "full" else board.check,
                            str(given.get("evaluator", "threads")), lambda count: done(row, count))  # fmt: skip
        try:
            found = measured.row(chosen)
        finally:
            measured.close()
    sys.stdout.write(json_text(found))
    sys.stdout.flush()
    key = "measured" if budget == "full" else "check"
    stands = next((one[key] for one in (standings.rows if standings else ()) if one["name"] == entry), None)
    if stands is None:
        raise ConfigError(f"{row} is not in the standings yet; python -m evolve.leaderboard judge board={name}.")
    if json_text(stands) != json_text(found):
        differing = [one for one in found if stands.get(one) != found[one]]
        raise DifferentRowError(f"{row} comes out differently than it stands: {', '.join(differing)}.")
    print("as it stands, byte for byte", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
