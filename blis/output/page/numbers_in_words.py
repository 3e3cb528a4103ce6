"""Numbers as people read them; a figure that does not exist is a dash."""

from blis.output.page import measures

NONE = "–"


def number(value: float | None, digits: int = 0) -> str:
    """With separators of thousands."""
    return NONE if value is None else f"{value:,.{digits}f}"


def percent(share: float | None) -> str:
    """A share of a whole."""
    return NONE if share is None else f"{100 * share:.1f} %"


def milliseconds(value: float | None) -> str:
    """A time."""
    return NONE if value is None else f"{value:,.{_digits_of_ms(value)}f} ms"


def of_unit(value: float | None, unit: str) -> str:
    """A figure of the page's head."""
    if unit == measures.SHARE:
        return percent(value)
    if unit == measures.MILLISECONDS:
        return milliseconds(value)
    return number(value, 0 if unit == measures.COUNT else 2)


def signed(value: float | None, unit: str) -> str:
    """A difference; those of shares are in percentage points."""
    if value is None:
        return NONE
    if unit == measures.SHARE:
        return f"{_plus(100 * value, 1)} pp"
    if unit == measures.MILLISECONDS:
        return f"{_plus(value, _digits_of_ms(value))} ms"
    return _plus(value, 0 if unit == measures.COUNT else 2)


def _digits_of_ms(value: float) -> int:
    return 2 if abs(value) < 100 else 1


def _plus(value: float, digits: int) -> str:
    text = f"{value:+,.{digits}f}"
    return text if float(text.replace(",", "")) else text[1:]  # neither +0 nor -0
