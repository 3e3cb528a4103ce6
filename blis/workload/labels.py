"""Names of tenants, SLO classes, sessions and prefix groups as indices into a table of names."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from blis.foundation.checks import check_choice, check_int, check_keys, check_number
from blis.foundation.errors import ConfigError
from blis.foundation.units import Int32Vector

SLO_CLASSES = ("", "critical", "standard", "sheddable", "batch", "background", "realtime", "interactive")

MOST_NAMES = 100_000  #: that are made up
MOST_EXPONENT = 10

Mix = tuple[tuple[str, float], ...]  #: names with their weights


class Labels(NamedTuple):
    """One column of names."""

    indices: Int32Vector  #: (n,) -1 for none
    names: tuple[str, ...]


def number_names(names: Iterable[str], empty_is_none: bool = False) -> Labels:
    """Labels of a column of names, tabled in the order of their first occurrence.

    Parameters
    ----------
    names : iterable of str
    empty_is_none : bool
        Whether "" means that there is no name (index -1) or is a name like the others.
    """
    number_of: dict[str, int] = {}
    if empty_is_none:
        index = [number_of.setdefault(name, len(number_of)) if name else -1 for name in names]
    else:
        index = [number_of.setdefault(name, len(number_of)) for name in names]
    return Labels(np.array(index, np.int32), tuple(number_of))


def check_slo_class(where: str, value: object) -> str:
    """Return `value` if it is a known SLO class; "" and None are the unnamed one."""
    if value is None or value == "":
        return ""
    return check_choice(where, value, SLO_CLASSES[1:])


def check_mix(where: str, value: object) -> Mix:
    """Return a mapping of names to weights as a tuple; absent, everything carries the unnamed label.

    Raises
    ------
    ConfigError
        If a weight is negative or not finite, or all are 0.
    """
    if value is None:
        return (("", 1.0),)
    if not isinstance(value, Mapping) or not value:
        raise ConfigError(f"{where} must be a mapping of names to weights such as {{a: 1, b: 2}}; got {value!r}.")
    mix = tuple((str(name), check_number(f"{where}.{name}", weight, 0)) for name, weight in value.items())
    if sum(weight for _, weight in mix) <= 0:
        raise ConfigError(f"{where} must have at least one weight > 0; got {value!r}.")
    return mix


def popular_names(where: str, value: object, stem: str) -> dict[str, float]:
    """Weights of many names, the k-th of which is asked for in proportion to k to the power of -exponent (Zipf's law).

    Parameters
    ----------
    where : str
        Path of the value, for messages.
    value : mapping
        `count`, of the names; `exponent`, 1 unless given; `share` of those that carry a name at all, 1 unless given.
    stem : str
        What the names begin with: <stem>-1 is the most popular.

    Raises
    ------
    ConfigError
        If a key is unknown or a number out of its range.
    """
    given = check_keys(where, value, ("count", "exponent", "share"), ("count",))
    count = check_int(f"{where}.count", given["count"], 1, MOST_NAMES)
    exponent = check_number(f"{where}.exponent", given.get("exponent", 1.0), 0, MOST_EXPONENT)
    share = check_number(f"{where}.share", given.get("share", 1.0), maximum=1, above=0)
    weights = [(place + 1) ** -exponent for place in range(count)]
    total = sum(weights)
    named = {f"{stem}-{place + 1}": share * weight / total for place, weight in enumerate(weights)}
    return named if share == 1 else {"": 1 - share, **named}


def draw_mix(random: np.random.Generator, mix: Mix, n: int) -> Labels:
    """Draw `n` labels in proportion to the weights."""
    names = tuple(name for name, _ in mix)
    if len(names) == 1:
        return Labels(np.zeros(n, np.int32), names)
    bounds = np.cumsum([weight for _, weight in mix])
    index = np.searchsorted(bounds / bounds[-1], random.random(n), side="right")
    return Labels(index.astype(np.int32), names)
