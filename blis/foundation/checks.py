"""Checks of user input, with one wording: where · what must hold · what was got · the nearest choice."""

import difflib
import math
from collections.abc import Iterable, Mapping
from typing import Any

from blis.foundation.errors import ConfigError, UnknownChoiceError


def check_int(where: str, value: object, minimum: int | None = None, maximum: int | None = None, unit: str = "") -> int:
    """Return `value` as an int within [minimum, maximum].

    Raises
    ------
    ConfigError
        If it is not a whole number (bool and fractional floats are not) or out of range.
    """
    whole = isinstance(value, int) and not isinstance(value, bool)
    if isinstance(value, float) and math.isfinite(value) and value == int(value):
        value, whole = int(value), True
    if (
        not whole
        or (minimum is not None and value < minimum)  # type: ignore[operator]
        or (maximum is not None and value > maximum)  # type: ignore[operator]
    ):
        raise ConfigError(f"{where} must be an int{_range(minimum, maximum)}{_unit(unit)}; got {value!r}.")
    return value  # type: ignore[return-value]


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
        If it is not a finite number or out of range.
    """
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if (
        not is_number
        or not math.isfinite(value)  # type: ignore[arg-type]
        or (minimum is not None and value < minimum)  # type: ignore[operator]
        or (maximum is not None and value > maximum)  # type: ignore[operator]
        or (above is not None and value <= above)  # type: ignore[operator]
    ):
        bound = f" > {above:g}" if above is not None else ""
        raise ConfigError(
            f"{where} must be a finite number{bound}{_range(minimum, maximum)}{_unit(unit)}; got {value!r}."
        )
    return float(value)  # type: ignore[arg-type]


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
            f"{where}: no choice named {value!r}{nearest(str(value), names)} Choices: {', '.join(names)}."
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
        raise ConfigError(f"{where} must be a mapping of keys to values; got {mapping!r}.")
    names = list(allowed)
    for key in mapping:
        if key not in names:
            raise ConfigError(
                f"{where}: unknown key {key!r}{nearest(str(key), names)} Keys: {', '.join(sorted(names))}."
            )
    for key in required:
        if key not in mapping:
            raise ConfigError(f"{where}: key {key!r} is required. Given: {', '.join(map(str, mapping)) or 'none'}.")
    return dict(mapping)


def nearest(value: str, choices: Iterable[str]) -> str:
    """The words "; did you mean X?" for the choice that resembles `value` most, or ".".

    Underscores and hyphens count as equal.
    """
    by_form = {choice.replace("_", "-").lower(): choice for choice in choices}
    found = difflib.get_close_matches(value.replace("_", "-").lower(), by_form, n=1, cutoff=0.5)
    return f"; did you mean {by_form[found[0]]!r}?" if found else "."


def _range(minimum: float | None, maximum: float | None) -> str:
    if minimum is not None and maximum is not None:
        return f" in [{minimum}, {maximum}]"
    if minimum is not None:
        return f" ≥ {minimum}"
    if maximum is not None:
        return f" ≤ {maximum}"
    return ""


def _unit(unit: str) -> str:
    return f" [{unit}]" if unit else ""
