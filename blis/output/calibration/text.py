"""A calibration on a terminal: one table for each measured run, and one for all together."""

import sys
from typing import Any

from blis.calibrating.calibration import TOGETHER, CalibratedRun, Calibration, Judged, itl_of
from blis.calibrating.token_gaps import GapFigures, TokenGaps
from blis.output.calibration.words import HEAD, NOTHING, cells, counts, gap_cells, signed


def print_calibration(found: Calibration) -> None:
    """Print the figures on standard output."""
    from rich.console import Console

    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else 150, highlight=False)
    for one in found.runs:
        console.print(_table(_title(one), one.metrics, itl_of([one])))
        for name, metrics in one.classes.items():
            console.print(_table(f"{one.run.name}, class {name}", metrics))
        for line in lines(one):
            console.print(line, markup=False)
    if len(found.runs) > 1:
        console.print(_table(TOGETHER, found.together, itl_of(found.runs)))
    sys.stdout.flush()


def lines(one: CalibratedRun) -> list[str]:
    """What the table does not say: throughput, who is not compared, how late the client was."""
    rate = one.throughput
    told = []
    if rate.measured_output_tokens_per_s is not None and rate.simulated_output_tokens_per_s is not None:
        told.append(
            f"throughput: {rate.measured_output_tokens_per_s:,.1f} output tokens/s measured, "
            f"{rate.simulated_output_tokens_per_s:,.1f} simulated ({signed(rate.error)})"
        )
    if one.paired.excluded:
        told.append(f"not compared: {counts(dict(one.paired.excluded))}")
    if one.gaps is not None:
        told.append(_of_gaps(one.gaps))
    without = [judged for judged in one.metrics if judged.left_out]
    return [*told, *(f"without a value of {each.metric.name}: {counts(dict(each.left_out))}" for each in without)]


def _of_gaps(gaps: TokenGaps) -> str:
    """What the times between tokens are of."""
    of = f"ITL: tokens of {gaps.n_requests:,} answered requests, warm-up included"
    return of + (f"; not of {counts(dict(gaps.left_out))}" if gaps.left_out else "")


def _title(one: CalibratedRun) -> str:
    return f"{one.run.name}: {int(one.paired.counted.sum()):,} of {len(one.run):,} requests compared"


def _table(title: str, metrics: tuple[Judged, ...], itl: GapFigures | None = None) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, title_style="bold")
    table.add_column("", no_wrap=True)
    table.add_column("n", justify="right")
    for name in HEAD:
        table.add_column(name, justify="right", no_wrap=True)
    for one in metrics:
        n = NOTHING if one.comparison is None else f"{one.comparison.n:,}"
        table.add_row(one.metric.name.upper(), n, *cells(one))
    if itl is not None:
        table.add_row("ITL", f"{itl.n_measured:,}", *gap_cells(itl))
    return table
