"""What became of each signal, for people and for programs."""

import sys
from collections.abc import Mapping
from typing import Any

from blis.output.printing import print_json


def print_grades(report: Mapping[str, Any], output: str, text: str | None) -> None:
    """Print a report.

    Parameters
    ----------
    report : mapping
        With `fidelity`, `signals` and `notes`.
    output : str
        json: all of it on standard output. text: a table.
    text : str or None
        The file, which goes to standard output in place of the table, and the table to standard error.
    """
    if output == "json":
        print_json(report)
        return
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    stream = sys.stdout if text is None else sys.stderr
    console = Console(file=stream, width=None if stream.isatty() else 160, highlight=False)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=escape(f"{report['router']}: {report['fidelity']}"))
    for heading in ("signal", "of", "grade", "becomes", "what differs"):
        table.add_column(heading, overflow="fold")
    for one in report["signals"]:
        cells = (one["name"], one["question"], one["grade"], one["becomes"] or "-", one["why"])
        table.add_row(*map(escape, cells))
    console.print(table)
    for note in report["notes"]:
        console.print(f"note: {note}", markup=False)
    if "file" in report:
        console.print(f"written: {report['file']}", markup=False)
    stream.flush()
    if text is not None:
        sys.stdout.write(text)
        sys.stdout.flush()
