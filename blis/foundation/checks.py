"""Checks of user input, with one wording: where · what must hold · what was got · the nearest choice."""

import difflib
import math
from collections.abc import Iterable, Mapping
from typing import Any

from blis.foundation.errors import ConfigError, UnknownChoiceError
from blis.foundation.words import listed, shown

#: Whole numbers without a bound of their own lie between these, so that arrays and tables can hold them.
LEAST_INT, MOST_INT = -(2**63), 2**63 - 1


def check_int(where: str, value: object, minimum: int | None = None, maximum: int | None = None, unit: str = "") -> int:
    """Return `value` as an int within [minimum, maximum], and within 64 bits.

    Raises
    ------
    ConfigError
        If it is not a whole number (bool and fractional floats are not) or out of range.
    """
    whole = isinstance(value, int) and not isinstance(value, bool)
    if isinstance(value, float) and math.isfinite(value) and value == int(value):
        value, whole = int(value), True
    if whole and LEAST_INT <= value <= MOST_INT:  # type: ignore[operator]
        if (minimum is None or value >= minimum) and (maximum is None or value <= maximum):  # type: ignore[operator]
            return value  # type: ignore[return-value]
    elif whole:
        minimum = LEAST_INT if minimum is None else minimum
        maximum = MOST_INT if maximum is None else maximum
    raise ConfigError(f"{where} must be an int{_range(minimum, maximum)}{_unit(unit)}; got {shown(value)}.")


def check_number(
    where: str,
    value: object,
    minimum: float | None = None,
    maximum: float | None = None,
    unit: str = "",
    above: float | None = None,
) -> float:
    """Return `value` as a finite float within [minimum, maximum] (and > `above`).

    Raises
    ------
    ConfigError
        If it is not a finite number, too large for a float, or out of range.
    """
    number = _finite(value)
    if (
        number is None
        or (minimum is not None and number < minimum)
        or (maximum is not None and number > maximum)
        or (above is not None and number <= above)
    ):
        raise ConfigError(
            f"{where} must be a finite number{_range(minimum, maximum, above)}{_unit(unit)}; got {shown(value)}."
        )
    return number


def _finite(value: object) -> float | None:
    """The number as a float; None for what is none, is infinite, or is a whole number beyond all floats."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def check_choice(where: str, value: object, choices: Iterable[str]) -> str:
    """Return `value` if it is one of `choices`.

    Raises
    ------
    UnknownChoiceError
        If it is not; the message names the nearest choice and lists all.
    """
    names = sorted(choices)
    if not isinstance(value, str) or value not in names:
        raise UnknownChoiceError(
            f"{where}: no choice named {shown(value)}{nearest(value, names)} Choices: {listed(names)}."
        )
    return value


def check_keys(where: str, mapping: object, allowed: Iterable[str], required: Iterable[str] = ()) -> dict[str, Any]:
    """Return `mapping` as a dict if all its keys are allowed and none that is required is absent.

    Raises
    ------
    ConfigError
        If it is no mapping, or has an unknown key, or lacks a required one.
    """
    if not isinstance(mapping, Mapping):
        raise ConfigError(f"{where} must be a mapping of keys to values; got {shown(mapping)}.")
    names = list(allowed)
    for key in mapping:
        if key not in names:
            raise ConfigError(
                f"{where}: unknown key {shown(key)}{nearest(key, names)} Keys: {listed(sorted(map(str, names)))}."
            )
    for key in required:
        if key not in mapping:
            raise ConfigError(f"{where}: key {key!r} is required. Given: {listed(mapping) or 'none'}.")
    return dict(mapping)


def check_flag(where: str, value: object) -> bool:
    """Return `value` if it is true or false."""
    if not isinstance(value, bool):
        raise ConfigError(f"{where} must be true or false; got {shown(value)}.")
    return value


def nearest(value: object, choices: Iterable[str]) -> str:
    """The words "; did you mean X?" for the choice that resembles `value` most, or ".".

    Underscores and hyphens count as equal.
    """
    wanted = (value if isinstance(value, str) else shown(value))[:_LONGEST_NAME]
    by_form = {choice.replace("_", "-").lower(): choice for choice in choices}
    found = difflib.get_close_matches(wanted.replace("_", "-").lower(), by_form, n=1, cutoff=0.5)
    return f"; did you mean {by_form[found[0]]!r}?" if found and by_form[found[0]] != value else "."


#: What is longer resembles no name [characters].
_LONGEST_NAME = 300


def _range(minimum: float | None, maximum: float | None, above: float | None = None) -> str:
    """The words for a range, whose lower end is excluded where it is `above`."""
    has_open_end = above is not None and (minimum is None or above >= minimum)
    low = above if has_open_end else minimum
    if low is not None and has_open_end:
        return f" > {_plain(low)}" + (f" and ≤ {_plain(maximum)}" if maximum is not None else "")
    if low is not None and maximum is not None:
        return f" in [{_plain(low)}, {_plain(maximum)}]"
    if low is not None:
        return f" ≥ {_plain(low)}"
    return "" if maximum is None else f" ≤ {_plain(maximum)}"


def _plain(bound: float) -> str:
    """A bound without a fraction that says nothing."""
    is_whole = isinstance(bound, float) and bound.is_integer() and abs(bound) < _MOST_PLAIN
    return str(int(bound)) if is_whole else str(bound)


#: Whole floats from here on are written with an exponent.
_MOST_PLAIN = 1e16


def _unit(unit: str) -> str:
    return f" [{unit}]" if unit else ""
