"""The file of an export: what it is, how much of the champion it says and what must be seen to stand before it."""

from collections.abc import Sequence

from evolve.exchange import Exported, Signal, worst


def commented(title: str, source: str, exported: Exported) -> str:
    """The text with its comments; `exported` must have one."""
    lines = [f"{source} for {title}", f"fidelity: {worst(exported.signals)}", "", *_table(exported.signals)]
    if exported.notes:
        lines += ["", *exported.notes]
    return "".join(f"# {line}".rstrip() + "\n" for line in lines) + (exported.text or "")


def _table(signals: Sequence[Signal]) -> list[str]:
    """A line for each signal, its parts beneath each other."""
    rows = [(one.grade, one.question, one.name, one.there or "-", one.why) for one in signals]
    widths = [max(len(row[place]) for row in rows) for place in range(3)] if rows else []
    return [
        "  ".join((*(part.ljust(width) for part, width in zip(row, widths, strict=False)), _last(row[3], row[4])))
        for row in rows
    ]


def _last(there: str, why: str) -> str:
    return f"{there} ({why})" if why else there
