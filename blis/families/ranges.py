"""One range of a family: from where to where a value may lie, or among which, and why.

Numbers are drawn evenly between two bounds, or evenly in their logarithm where a value matters by its ratio. Bounds
that are whole numbers give whole numbers; others are rounded to four digits, so that a member can be read, and does not
depend on how a machine rounds a logarithm.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from blis.foundation.checks import check_choice, check_flag, check_keys, check_number
from blis.foundation.errors import ConfigError
from blis.foundation.words import shown

SCALES = ("linear", "log")
_OF_NUMBERS = ("low", "high")
_KEYS = (*_OF_NUMBERS, "scale", "factor", "among", "also", "reason")
_DIGITS = 4  #: of a drawn number that is not whole


@dataclass(frozen=True, slots=True)
class Range:
    """What may be drawn at some places of a file."""

    places: tuple[str, ...]  #: which all get what is drawn
    reason: str  #: why it is as wide as it is, and no wider: a source, or an argument
    low: float = 0.0  #: a whole number if both bounds are
    high: float = 0.0
    scale: str = "linear"  #: one of SCALES
    is_factor: bool = False  #: whether what is drawn multiplies what the file says, instead of replacing it
    among: tuple[Any, ...] = ()  #: values of which one is drawn; empty: numbers are

    @classmethod
    def from_mapping(cls, where: str, path: str, mapping: object) -> "Range":
        """The range at a path of the file.

        Parameters
        ----------
        where : str
            Place of the range, for messages.
        path : str
        mapping : mapping
            `reason`; `low`, `high` and perhaps `scale` and `factor`, or `among`; perhaps further paths in `also`.

        Raises
        ------
        ConfigError
            If a key is unknown, a bound no finite number, the range empty or reversed, or there is no reason.
        """
        given = check_keys(where, mapping, _KEYS, ("reason",))
        reason, also = given["reason"], given.get("also", [])
        if not isinstance(reason, str) or not reason.strip():
            raise ConfigError(f"{where}.reason must be a text: a source, or an argument; got {shown(reason)}.")
        if not isinstance(also, list) or not all(isinstance(one, str) and one for one in also):
            raise ConfigError(f"{where}.also must be a list of paths; got {shown(also)}.")
        places = (path, *also)
        if "among" in given:
            return cls(places, " ".join(reason.split()), among=_among(where, given))
        check_keys(where, given, _KEYS, _OF_NUMBERS)
        scale = check_choice(f"{where}.scale", given.get("scale", "linear"), SCALES)
        above = 0.0 if scale == "log" else None
        low, high = (_bound(f"{where}.{key}", given[key], above) for key in _OF_NUMBERS)
        if not low < high:
            raise ConfigError(f"{where} must have low < high; got low {low:g} and high {high:g}.")
        is_factor = check_flag(f"{where}.factor", given.get("factor", False))
        if is_factor:  # of which there are more than whole ones
            low, high = float(low), float(high)
        return cls(places, " ".join(reason.split()), low, high, scale, is_factor)

    @property
    def corners(self) -> tuple[Any, ...]:
        """The values that a member may have at the least, at the most, and all that are listed."""
        return self.among or (self.low, self.high)

    def draw(self, random: np.random.Generator) -> Any:
        """One value."""
        if self.among:
            return self.among[int(random.integers(len(self.among)))]
        share = float(random.random())
        if isinstance(self.low, int) and isinstance(self.high, int):
            first, beyond = self.low, self.high + 1
            value = first * (beyond / first) ** share if self.scale == "log" else first + share * (beyond - first)
            return min(max(math.floor(value), self.low), self.high)
        if self.scale == "log":
            value = self.low * (self.high / self.low) ** share
        else:
            value = self.low + share * (self.high - self.low)
        return min(max(float(f"{value:.{_DIGITS}g}"), self.low), self.high)

    def filled(self, before: Any, drawn: Any) -> Any:
        """What stands where `before` stood, once `drawn` was drawn."""
        if self.is_factor:
            product = before * drawn
            return max(round(product), min(before, 1)) if isinstance(before, int) else float(f"{product:.{_DIGITS}g}")
        if isinstance(before, Mapping) and isinstance(drawn, Mapping):
            return {**before, **drawn}
        return drawn


def _among(where: str, given: Mapping[str, Any]) -> tuple[Any, ...]:
    for key in (*_OF_NUMBERS, "scale", "factor"):
        if key in given:
            raise ConfigError(f"{where}.{key} must be left out where among lists the values; got {shown(given[key])}.")
    among = given["among"]
    if not isinstance(among, Sequence) or isinstance(among, str) or len(among) < 2:
        raise ConfigError(f"{where}.among must be a list of at least two values; got {shown(among)}.")
    if any(one == other for place, one in enumerate(among) for other in among[:place]):
        raise ConfigError(f"{where}.among must hold each value once; got {shown(among)}.")
    for place, one in enumerate(among):
        if isinstance(one, float):  # also refuses what is not a number, and what has no end
            check_number(f"{where}.among[{place}]", one)
    return tuple(among)


def _bound(where: str, value: object, above: float | None) -> float:
    number = check_number(where, value, above=above)
    return value if isinstance(value, int) else number
