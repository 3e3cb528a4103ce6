"""The report in tables."""

from collections import Counter

from rich.console import Console
from rich.table import Table

from experiments.fidelity.judging import Figures, Judged, figures, grouped
from experiments.fidelity.measuring import Measured
from experiments.fidelity.runs import Run


def print_report(measured: Measured, *, by_deployment: bool = False) -> None:
    """Print figures by engine and family, by model and GPU, and what could not be priced."""
    console = Console(width=150)
    for kind, judged in measured.judged.items():
        if judged:
            _print_groups(console, f"{kind}: {len(judged)} points", judged, by_deployment)
        refused = Counter((why, point.model, point.system, point.engine) for point, why in measured.not_priced[kind])
        if refused:
            table = Table(title=f"{kind}: {sum(refused.values())} points not priced", show_edge=False)
            for heading in ("points", "model", "GPU", "engine", "why"):
                table.add_column(heading, overflow="fold")
            for (why, model, system, engine), count in sorted(refused.items()):
                table.add_row(str(count), model, system, engine, why)
            console.print(table)


def _print_groups(console: Console, title: str, judged: list[Judged], by_deployment: bool) -> None:
    table = Table(title=title, show_edge=False)
    for heading in ("group", "points", "TPOT median", "p90", "bias", "shape", "TTFT median", "p90", "bias"):
        table.add_column(heading, justify="left" if heading == "group" else "right")
    for half in ("all", "public", "judge"):
        chosen = [one for one in judged if half == "all" or one.point.is_public == (half == "public")]
        if chosen:
            _add(table, half, figures(chosen))
    for key in (_by_engine, _by_deployment if by_deployment else _by_model):
        table.add_section()
        for name, group in grouped(judged, key).items():
            _add(table, name, figures(group))
    console.print(table)


def _by_engine(point: Run) -> str:
    return f"{point.engine} on {point.system}"


def _by_model(point: Run) -> str:
    return f"{point.engine} {point.model} {point.precision or '-'} {point.system}"


def _by_deployment(point: Run) -> str:
    lengths = f"{point.input_tokens}/{point.output_tokens}"
    return f"{_by_model(point)} {point.version or '-'} {point.widths_in_words} {lengths}"


def _add(table: Table, name: str, one: Figures) -> None:
    table.add_row(
        name,
        str(one.points),
        f"{one.tpot_median:.1%}",
        f"{one.tpot_p90:.1%}",
        f"{one.tpot_bias:+.1%}",
        f"{one.shape_mean:.1%}",
        f"{one.ttft_median:.1%}",
        f"{one.ttft_p90:.1%}",
        f"{one.ttft_bias:+.1%}",
    )
