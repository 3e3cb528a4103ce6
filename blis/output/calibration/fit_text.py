"""A fit on a terminal: what was learned, and how good it is."""

import sys
from typing import Any

from blis.fitting.fitting import Fit
from blis.fitting.judgement import Errors
from blis.output.calibration.words import NOTHING, share, signed


def print_fit(found: Fit) -> None:
    """Print the coefficients and the errors on standard output."""
    from rich.console import Console

    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else 120, highlight=False)
    console.print(_coefficients(found))
    console.print(_errors(found))
    console.print(f"{found.n_simulations:,} simulations", markup=False)
    sys.stdout.flush()


def _coefficients(found: Fit) -> Any:
    table = _table("coefficients", ("start", "learned", "interval", "unit"))
    for one in found.parameters:
        sure = found.certainty.sure[one.name]
        ends = f"{sure.low:,.4g} to {sure.high:,.4g}"
        table.add_row(one.name, f"{found.start[one.name]:,.4g}", f"{sure.value:,.4g}", ends, one.unit)
    return table


def _errors(found: Fit) -> Any:
    table = _table("mean absolute error", ("n", "before", "learned", "bias", "median for all"))
    for words, of in (("learned from", found.judgement.learned), ("held out", found.judgement.held_out)):
        for name, one in of.items():
            table.add_row(f"{words}, {name.upper()}", *_row(one))
    return table


def _row(one: Errors) -> tuple[str, ...]:
    if not one.n:
        return ("0", *[NOTHING] * 4)
    return f"{one.n:,}", share(one.start), share(one.fitted), signed(one.bias), share(one.null)


def _table(title: str, head: tuple[str, ...]) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, title_style="bold")
    table.add_column("", no_wrap=True)
    for name in head:
        table.add_column(name, justify="right", no_wrap=True)
    return table
