"""The description of a workload as tables for people."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from blis.workload.description.summary import UNNAMED

MOST_ROWS = 10
_GROUPS = (
    ("slo_classes", "SLO class"),
    ("tenants", "tenant"),
    ("clients", "client"),
    ("prefix_groups", "prefix group"),
)


def print_tables(description: Mapping[str, Any]) -> None:
    """Print the description to standard output."""
    from rich.console import Console

    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else 120, highlight=False)
    console.print(_overview(description))
    console.print(_length_table(description))
    for key, heading in _GROUPS:
        rows = description[key]
        if any(row["name"] != UNNAMED for row in rows):
            console.print(_group_table(heading, rows))


def _overview(description: Mapping[str, Any]) -> Any:
    rate, cv = description["arrivals"]["rate_per_s"], description["arrivals"]["gap_cv"]
    prefixes, sessions, parts = description["prefixes"], description["sessions"], description["parts"]
    rows = [
        ("requests", f"{description['requests']:,}"),
        ("duration", f"{description['duration_s']:,.1f} s"),
        (
            "requests/s: mean; lowest and peak",
            f"{_number(rate['mean'])}; {_number(rate['lowest'])}, {_number(rate['peak'])}",
        ),
        (
            "CV of gaps: overall; median, highest",
            f"{_number(cv['overall'])}; {_number(cv['median'])}, {_number(cv['highest'])}",
        ),
        (
            "tokens/s: prompt, output",
            ", ".join(_number(description["tokens_per_s"][key]) for key in ("input", "output")),
        ),
        ("prompt blocks shared with others", _percent(prefixes["shared_share"])),
        (
            "prompt blocks that came before",
            f"{_percent(prefixes['repeated_share'])} (what an unlimited cache would save)",
        ),
    ]
    if prefixes["roots"]:
        trees = f"{prefixes['roots']:,}, the largest of {prefixes['largest_tree']:,} requests"
        rows.append(("trees of shared prefixes", trees))
    if sessions["sessions"]:
        rounds = sessions["requests"] / sessions["sessions"]
        rows.append(("sessions", f"{sessions['sessions']:,}, {rounds:.2f} rounds in the mean"))
    if sessions["closed_loop_requests"]:
        rows.append(("closed loop", f"{sessions['closed_loop_requests']:,} requests wait for an earlier one"))
    rows += [
        (f"{name} tokens", f"{_percent(parts[name]['share'])} of prompts, in {parts[name]['requests']:,} requests")
        for name in ("image", "audio", "video")
        if parts[name]["requests"]
    ]
    if parts["reasoning"]["requests"]:
        ratio = _percent(parts["reasoning"]["mean_ratio"])
        rows.append(("reasoning", f"{parts['reasoning']['requests']:,} requests, {ratio} of their output"))
    if parts["streaming_requests"]:
        rows.append(("streaming", f"{parts['streaming_requests']:,} requests"))
    table = _table("workload", "")
    for row in rows:
        table.add_row(*row)
    return table


def _length_table(description: Mapping[str, Any]) -> Any:
    figures = ("mean", "std_dev", "min", "p50", "p90", "p99", "max")
    table = _table("tokens", *(figure.replace("_", " ") for figure in figures))
    for part in ("input", "output"):
        lengths = description[f"{part}_tokens"]
        name = "prompt" if part == "input" else part
        table.add_row(name, *(f"{lengths[figure]:,.0f}" for figure in figures))
    return table


def _group_table(heading: str, rows: Sequence[Mapping[str, Any]]) -> Any:
    table = _table(heading, "requests", "share", "mean prompt", "mean output")
    for row in rows[:MOST_ROWS]:
        means = (f"{row['input_tokens_mean']:,.0f}", f"{row['output_tokens_mean']:,.0f}")
        table.add_row(row["name"], f"{row['requests']:,}", _percent(row["share"]), *means)
    if len(rows) > MOST_ROWS:
        n = sum(row["requests"] for row in rows[MOST_ROWS:])
        table.add_row("...", f"{n:,}", "", "", "")
    return table


def _table(*headings: str) -> Any:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD)
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="left" if number == 0 else "right")
    return table


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:,.3g}" if value < 100 else f"{value:,.0f}"


def _percent(share: float | None) -> str:
    return "none" if share is None else f"{share:.1%}"
