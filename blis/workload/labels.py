"""Names of tenants, SLO classes, sessions and prefix groups as indices into a table of names."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from blis.foundation.checks import check_choice, check_number
from blis.foundation.errors import ConfigError
from blis.foundation.units import Int32Vector

SLO_CLASSES = ("", "critical", "standard", "sheddable", "batch", "background", "realtime", "interactive")

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


def draw_mix(random: np.random.Generator, mix: Mix, n: int) -> Labels:
    """Draw `n` labels in proportion to the weights."""
    names = tuple(name for name, _ in mix)
    if len(names) == 1:
        return Labels(np.zeros(n, np.int32), names)
    bounds = np.cumsum([weight for _, weight in mix])
    index = np.searchsorted(bounds / bounds[-1], random.random(n), side="right")
    return Labels(index.astype(np.int32), names)
