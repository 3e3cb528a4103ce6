"""Windows of time in which a client is active."""

import math
from dataclasses import dataclass

import numpy as np

from blis.foundation.checks import check_int, check_keys
from blis.foundation.errors import ConfigError
from blis.foundation.units import BoolVector, Float64Vector

LATEST_US = 10**17  #: end of any window: 3,170 years


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """Half-open windows [start, end); none at all means always."""

    windows_us: tuple[tuple[int, int], ...] = ()  #: disjoint, ascending

    @property
    def end_us(self) -> float:
        """End of the last window."""
        return self.windows_us[-1][1] if self.windows_us else math.inf

    def contains(self, times_us: Float64Vector) -> BoolVector:
        """Whether the client is active at each of the times."""
        if not self.windows_us:
            return np.ones(len(times_us), np.bool_)
        bounds = np.array(self.windows_us, np.float64).ravel()
        is_active: BoolVector = np.searchsorted(bounds, times_us, side="right") % 2 == 1
        return is_active


def lifecycle_from_mapping(where: str, mapping: object) -> Lifecycle:
    """The windows in a mapping {windows: [{start_us, end_us}, ...]}; those that overlap or touch become one.

    Raises
    ------
    ConfigError
        If a window is empty, or a bound is missing or negative.
    """
    given = check_keys(where, mapping, ("windows",), required=("windows",))
    if not isinstance(given["windows"], list) or not given["windows"]:
        raise ConfigError(f"{where}.windows must be a list of at least one window; got {given['windows']!r}.")
    windows = []
    for k, window in enumerate(given["windows"]):
        at = f"{where}.windows[{k}]"
        bounds = check_keys(at, window, ("start_us", "end_us"), required=("start_us", "end_us"))
        start_us = check_int(f"{at}.start_us", bounds["start_us"], 0, LATEST_US - 1, "µs")
        windows.append((start_us, check_int(f"{at}.end_us", bounds["end_us"], start_us + 1, LATEST_US, "µs")))
    merged: list[tuple[int, int]] = []
    for start_us, end_us in sorted(windows):
        if merged and start_us <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end_us))
        else:
            merged.append((start_us, end_us))
    return Lifecycle(tuple(merged))
