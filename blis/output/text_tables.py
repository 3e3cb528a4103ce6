"""Tables of figures for a terminal."""

from typing import Any


def text_table(first: str, *others: str) -> Any:
    """A rich table without rows: names to the left, figures to the right."""
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=0 if len(others) > 6 else (0, 1))
    table.add_column(escape(first), no_wrap=True)
    for name in others:
        table.add_column(escape(name), justify="right", no_wrap=True)
    return table


def number(value: float | None, digits: int = 0) -> str:
    """A figure with its thousands apart; "-" where there is none."""
    return "-" if value is None else f"{value:,.{digits}f}"


def percent(share: float | None) -> str:
    """A share in percent; "-" where there is none."""
    return "-" if share is None else f"{100 * share:.1f}%"
