"""Command line: does this simulator reproduce recorded cases, request by request?

    python -m blis.verify PATH...

Exit status: 0 all comparable fields agree, 1 some differ, 2 wrong input, 130 interrupted.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blis.command.ending import WRONG_INPUT, Arguments, ending
from blis.command.terminating import interruptible
from blis.foundation.errors import ConfigError
from blis.foundation.files import is_file, is_folder
from blis.foundation.words import one_line

if TYPE_CHECKING:
    from blis.recorded.comparison import Difference, Verdict

AGREES, DIFFERS = 0, 1

#: A folder with any of these files is meant to be a case.
CASE_FILES = ("case.yaml", "requests.csv", "requests.csv.gz", "expected.csv", "expected.csv.gz", "expected.json")

COUNTS = ("requests", "fields_compared", "mismatches", "aggregates_compared", "aggregate_mismatches")


@interruptible
def main(arguments: Sequence[str] | None = None) -> int:
    """Verify what the command line names and return the exit status."""
    options = _parser().parse_args(arguments)
    return ending(lambda: _verify(options.paths, options.json))


def find_cases(paths: Sequence[Path]) -> tuple[list[Path], list[str]]:
    """Folders of cases at or below the paths, each once, and what is wrong with paths that hold none."""
    folders: dict[Path, Path] = {}
    problems = []
    for path in paths:
        try:
            is_there = is_folder(path)
        except ConfigError as error:
            problems.append(str(error))
            continue
        if not is_there:
            problems.append(f"{path} must be a folder: a case, or one that holds cases; there is no such folder.")
            continue
        found = [path] if _is_case(path) else sorted({file.parent for file in path.rglob("*") if _is_case_file(file)})
        if not found:
            problems.append(f"{path}: no case found; a case is a folder with the files case.yaml, requests.csv ...")
        for folder in found:
            folders.setdefault(folder.resolve(), folder)
    return list(folders.values()), problems


def _parser() -> Arguments:
    parser = Arguments(
        prog="python -m blis.verify",
        description="Run recorded cases and compare every comparable field with the recording.",
        epilog="Exit status: 0 all comparable fields agree; 1 some differ; 2 wrong input; 130 interrupted.",
    )
    parser.add_argument(
        "paths", nargs="+", type=Path, metavar="PATH", help="folder of a case, or folder that holds cases"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of a table")
    return parser


def _is_case(folder: Path) -> bool:
    return any(is_file(folder / name) for name in CASE_FILES)


def _is_case_file(path: Path) -> bool:
    return path.name in CASE_FILES and is_file(path)


def _verify(paths: Sequence[Path], as_json: bool) -> int:
    from blis.recorded.case import read_case
    from blis.recorded.comparison import verdict_on

    folders, problems = find_cases(paths)
    streams = not as_json and not sys.stdout.isatty()
    verdicts = []
    for number, folder in enumerate(folders, 1):
        _show_progress(f"[{number}/{len(folders)}] {folder.name}")
        try:
            verdict = verdict_on(read_case(folder))
        except ConfigError as error:
            problems.append(str(error))
            continue
        verdicts.append(verdict)
        if streams:
            _show_progress("")
            print(_line(verdict), *map(_example_line, _shown(verdict)), sep="\n", flush=True)
    _show_progress("")
    for problem in problems:
        print(f"error: {one_line(problem)}", file=sys.stderr)
    if as_json:
        print(json.dumps(_document(verdicts, problems), indent=2, allow_nan=False))
    elif verdicts:
        _print_summary(verdicts, not streams)
    if problems:
        return WRONG_INPUT
    return AGREES if all(verdict.agrees for verdict in verdicts) else DIFFERS


def _show_progress(text: str) -> None:
    """Replace the last line on a terminal; what is piped keeps diagnostics only."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def _totals(verdicts: Sequence["Verdict"]) -> dict[str, int]:
    totals = {"cases": len(verdicts), "cases_that_differ": sum(not verdict.agrees for verdict in verdicts)}
    totals |= {name: sum(getattr(verdict, name) for verdict in verdicts) for name in COUNTS}
    largest_us = max((verdict.largest_difference_us for verdict in verdicts), default=0)
    return totals | {"largest_difference_us": largest_us}


def _document(verdicts: Sequence["Verdict"], problems: Sequence[str]) -> dict[str, Any]:
    """What `--json` prints."""
    cases = [
        {
            "name": verdict.name,
            "semantics": verdict.semantics,
            "agrees": verdict.agrees,
            **{name: getattr(verdict, name) for name in COUNTS},
            "largest_difference_us": verdict.largest_difference_us,
            "error": verdict.error or None,
            "examples": [example._asdict() for example in verdict.examples],
        }
        for verdict in verdicts
    ]
    return {"cases": cases, "totals": _totals(verdicts), "problems": list(problems)}


def _line(verdict: "Verdict") -> str:
    if verdict.error:
        return f"{verdict.name}: FAILED, {verdict.requests} requests, {verdict.error}"
    return (
        f"{verdict.name}: {'agrees' if verdict.agrees else 'DIFFERS'}, {verdict.requests} requests, "
        f"{verdict.mismatches} of {verdict.fields_compared} fields differ, by up to "
        f"{verdict.largest_difference_us} us; {verdict.aggregate_mismatches} of {verdict.aggregates_compared} "
        "aggregates differ"
    )


def _shown(verdict: "Verdict") -> tuple["Difference", ...]:
    return () if verdict.agrees else verdict.examples


def _example_line(example: "Difference") -> str:
    recorded, simulated = ("none" if value is None else value for value in (example.recorded, example.simulated))
    return f"    {example.where}, {example.field}: recorded {recorded}, simulated {simulated}"


def _print_summary(verdicts: Sequence["Verdict"], with_table: bool) -> None:
    if with_table:
        _print_table(verdicts)
    totals = _totals(verdicts)
    print(
        f"{totals['cases'] - totals['cases_that_differ']} of {totals['cases']} cases agree: "
        f"{totals['requests']} requests, "
        f"{totals['mismatches']} of {totals['fields_compared']} fields differ, by up to "
        f"{totals['largest_difference_us']} us; {totals['aggregate_mismatches']} of "
        f"{totals['aggregates_compared']} aggregates differ"
    )


def _print_table(verdicts: Sequence["Verdict"]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table()
    table.add_column("case", overflow="fold")
    table.add_column("verdict")
    for heading in ("requests", "fields", "differ", "largest, us", "aggregates", "differ"):
        table.add_column(heading, justify="right")
    for verdict in verdicts:
        word = "failed" if verdict.error else "agrees" if verdict.agrees else "differs"
        numbers = [verdict.requests, verdict.fields_compared, verdict.mismatches, verdict.largest_difference_us]
        numbers += [verdict.aggregates_compared, verdict.aggregate_mismatches]
        style = "green" if verdict.agrees else "bold red"
        table.add_row(Text(verdict.name), Text(word, style), *(Text(str(number)) for number in numbers))
    console = Console()
    console.print(table)
    for verdict in verdicts:
        if not verdict.agrees:
            lines = [f"{verdict.name}: {verdict.error}".rstrip(": "), *map(_example_line, verdict.examples)]
            console.print(Text("\n".join(lines)))


if __name__ == "__main__":
    sys.exit(main())
