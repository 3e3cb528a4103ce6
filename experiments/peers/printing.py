"""The comparison as a table or as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from experiments.peers.children import NAMES
from experiments.peers.comparing import Compared

#: What is compared: its name here, and its heading.
QUANTITIES = {
    "run_cpu_s": "run [CPU s]",
    "reading_cpu_s": "reading [CPU s]",
    "whole_cpu_s": "process [CPU s]",
    "evaluations_per_cpu_s": "evaluations / CPU s",
}

#: What both say of the requests, which has to be about the same if they are to be compared.
FIGURES = {
    "completed_requests": "completed",
    "output_tokens": "output tokens",
    "duration_s": "duration [s]",
    "ttft_mean_ms": "TTFT [ms]",
    "e2e_mean_ms": "E2E [ms]",
    "cached_share": "cached",
}


def document(compared: Sequence[Compared], versions: Mapping[str, str], n_requests: int) -> dict[str, Any]:
    """Everything that was measured, for JSON."""
    rows = [
        {
            "setting": {name: value for name, value in one.setting.to_mapping().items() if name != "trace"},
            "taken": {name: asdict(taken) for name, taken in one.taken.items()},
            "times_as_fast": {quantity: one.ratio(quantity) for quantity in QUANTITIES},
        }
        for one in compared
    ]
    return {"requests": n_requests, "versions": dict(versions), "compared": rows}


def print_tables(compared: Sequence[Compared], versions: Mapping[str, str], n_requests: int) -> None:
    """Print what both took with the ratios, and what both say of the requests."""
    console = Console(width=120)
    title = f"{n_requests:,} requests; " + ", ".join(f"{name} {versions[name]}" for name in NAMES)
    console.print(_times(compared, title), _figures(compared), sep="\n\n")


def _times(compared: Sequence[Compared], title: str) -> Table:
    table = Table(title=title, show_edge=False)
    table.add_column("blocks [tokens]", justify="right")
    table.add_column("simulator")
    for heading in QUANTITIES.values():
        table.add_column(heading, justify="right")
    for one in compared:
        for name in NAMES:
            shown = [_three_digits(getattr(one.taken[name], quantity)) for quantity in QUANTITIES]
            table.add_row(str(one.setting.block_size_tokens), name, *shown)
        table.add_row("", "times as fast", *(f"{one.ratio(quantity):.1f}" for quantity in QUANTITIES))
        table.add_section()
    return table


def _figures(compared: Sequence[Compared]) -> Table:
    table = Table(title="what they say of the requests", show_edge=False)
    table.add_column("blocks [tokens]", justify="right")
    table.add_column("simulator")
    for heading in FIGURES.values():
        table.add_column(heading, justify="right")
    for one in compared:
        for name in NAMES:
            figures = one.taken[name].figures
            shown = [f"{figures[figure]:,.3f}".rstrip("0").rstrip(".") for figure in FIGURES]
            table.add_row(str(one.setting.block_size_tokens), name, *shown)
    return table


def _three_digits(value: float) -> str:
    return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"
