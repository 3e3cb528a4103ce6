"""What each SLO class is promised: the longest TTFT, mean time between tokens and E2E latency that count as good."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from blis.foundation.checks import check_keys, check_number
from blis.foundation.slo import CLASSES
from blis.foundation.units import US_PER_MS, Float64Vector

#: Where a first token is never due: 31 years, so that sums with clocks are exact as float64.
NO_TARGET_US = 10**15

#: Holds for the unnamed class, and for every class that has no entry of its own.
DEFAULT = "default"


class SloTarget(NamedTuple):
    """Bounds that a request must not exceed; None: there is none."""

    ttft_ms: float | None = None
    itl_ms: float | None = None  #: of the mean time between the request's tokens
    e2e_ms: float | None = None


@dataclass(frozen=True, slots=True)
class SloTargets:
    """The targets of every class; without an entry for `default`, a class that is not named has none."""

    entries: Mapping[str, SloTarget]  #: class name, or "default"

    @classmethod
    def from_mapping(cls, where: str, mapping: object) -> "SloTargets":
        """The targets that a plain mapping describes; what it leaves out is no target.

        Parameters
        ----------
        where : str
            Path of the mapping, for messages.
        mapping : mapping
            Class name, or "default", to {ttft_ms, itl_ms, e2e_ms}, each > 0 or None. A class that is None counts as
            left out, so `default` holds for it.

        Raises
        ------
        ConfigError
            If a class or a key is unknown, or a value not finite and > 0.
        """
        given = check_keys(where, mapping, (DEFAULT, *CLASSES[1:]))
        return cls({name: _target(f"{where}.{name}", entry) for name, entry in given.items() if entry is not None})

    def of(self, name: str) -> SloTarget:
        """The target of a class; "" is the unnamed one."""
        return self.entries.get(name, self.entries.get(DEFAULT, SloTarget()))

    def bounds_us(self, names: Sequence[str]) -> Float64Vector:
        """The bounds of these classes.

        Returns
        -------
        (len(names), 3) float64 [µs]
            TTFT, mean time between tokens, E2E; infinite where there is no target.
        """
        rows = [[math.inf if bound is None else bound * US_PER_MS for bound in self.of(name)] for name in names]
        return np.array(rows, np.float64).reshape(len(rows), 3)

    def ttft_targets_us(self) -> tuple[int, ...]:
        """Of each class in `CLASSES`, the time from the arrival within which the first token is due.

        A class that is promised no TTFT has to have its whole answer in time, so its bound is that of E2E; one without
        either has `NO_TARGET_US`.
        """
        bounds_us = self.bounds_us(CLASSES)
        due_us = np.where(np.isfinite(bounds_us[:, 0]), bounds_us[:, 0], bounds_us[:, 2])
        return tuple(int(one) for one in np.minimum(np.rint(due_us), NO_TARGET_US))

    def itl_targets_us(self) -> tuple[int, ...]:
        """Of each class in `CLASSES`, the mean time between tokens that it is promised, or `NO_TARGET_US`."""
        bounds_us = self.bounds_us(CLASSES)[:, 1]
        return tuple(int(one) for one in np.minimum(np.rint(bounds_us), NO_TARGET_US))

    def document(self) -> dict[str, dict[str, float | None]]:
        """The targets as a plain mapping, which `from_mapping` reads."""
        return {name: target._asdict() for name, target in self.entries.items()}


def _target(where: str, entry: object) -> SloTarget:
    given = check_keys(where, entry, SloTarget._fields)
    return SloTarget(
        **{
            name: check_number(f"{where}.{name}", value, above=0, unit="ms")
            for name, value in given.items()
            if value is not None
        }
    )


# Somebody waits for every token. The interactive and the server bounds of MLPerf Inference for Llama 2 70B (99th
# percentiles there, bounds of each request here): 450 ms and 40 ms, 2 s and 200 ms; 200 ms a token is about as fast as
# people read.
_WATCHED = SloTarget(ttft_ms=450.0, itl_ms=40.0)
_READ = SloTarget(ttft_ms=2_000.0, itl_ms=200.0)
# Nobody watches, but the job that waits for the whole answer has a deadline.
_MINUTE = SloTarget(e2e_ms=60_000.0)
_FIVE_MINUTES = SloTarget(e2e_ms=300_000.0)

#: The targets of a scenario that has none of its own; conf/run.yaml shows them.
SHIPPED = SloTargets(
    {
        DEFAULT: _READ,
        "critical": _WATCHED,
        "realtime": _WATCHED,
        "standard": _READ,
        "interactive": _READ,
        "batch": _MINUTE,
        "sheddable": _MINUTE,
        "background": _FIVE_MINUTES,
    }
)
