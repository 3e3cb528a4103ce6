"""Load over time: how much faster or slower than its rate a client sends at each moment.

A profile is a factor f(t) ≥ 0 on the rate. Arrivals are drawn at the constant rate on a clock of work, and the
inverse of F(t) = ∫ f brings each to its real time. So a renewal process keeps its burstiness, whatever the
profile (inversion method: Gerhardt and Nelson, Transforming renewal processes for simulation of nonstationary
arrival processes, INFORMS Journal on Computing 21(4), 2009).
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from blis.foundation.checks import check_choice, check_keys, check_number
from blis.foundation.errors import ConfigError
from blis.foundation.units import US_PER_S, Float64Vector

LATEST_S = 1e9  #: thirty years; later points are slips of the pen
PERIOD_CELLS = 65_536  #: of a day; within one the rate counts as constant


@dataclass(frozen=True, slots=True)
class Piecewise:
    """A factor that is linear between points, jumps where two points share a time, and is constant outside."""

    times_us: tuple[float, ...]  #: non-decreasing, from 0
    factors: tuple[float, ...]  #: ≥ 0, not 0 all the time

    @property
    def end_us(self) -> float:
        """Time after which nothing arrives."""
        return math.inf if self.factors[-1] > 0 else self.times_us[-1]

    def work_us(self, times_us: Float64Vector) -> Float64Vector:
        """F(t): the work done by those times."""
        times, factors = np.array(self.times_us), np.array(self.factors)
        piece = np.clip(np.searchsorted(times, times_us, side="right") - 1, 0, None)
        passed = times_us - times[piece]
        work: Float64Vector = self._knots()[piece] + passed * (factors[piece] + 0.5 * self._slopes()[piece] * passed)
        return work

    def real_us(self, work_us: Float64Vector) -> Float64Vector:
        """F⁻¹: the times at which that work is done, infinite where it never is."""
        times, factors = np.array(self.times_us), np.array(self.factors)
        knots = self._knots()
        piece = np.clip(np.searchsorted(knots, work_us, side="right") - 1, 0, None)
        rest, factor = work_us - knots[piece], factors[piece]
        root = np.sqrt(np.maximum(factor * factor + 2.0 * self._slopes()[piece] * rest, 0.0))
        with np.errstate(divide="ignore", invalid="ignore"):
            passed = np.where(rest > 0, 2.0 * rest / (factor + root), 0.0)
        real: Float64Vector = times[piece] + passed
        return real

    def _knots(self) -> Float64Vector:
        """Work at each point."""
        times, factors = np.array(self.times_us), np.array(self.factors)
        return np.concatenate(([0.0], np.cumsum(np.diff(times) * 0.5 * (factors[1:] + factors[:-1]))))

    def _slopes(self) -> Float64Vector:
        """Change of the factor per µs in the piece that begins at each point."""
        times, factors = np.array(self.times_us), np.array(self.factors)
        lengths = np.diff(times, append=math.inf)
        rises = np.diff(factors, append=factors[-1])
        return np.where(lengths > 0, rises / np.where(lengths > 0, lengths, 1.0), 0.0)


@dataclass(frozen=True, slots=True)
class Diurnal:
    """A factor 1 + amplitude · cos(2π (t - peak) / period), whose mean over a period is 1."""

    period_us: float  #: > 0
    amplitude: float  #: [0, 1]
    peak_us: float  #: time of the highest load

    @property
    def end_us(self) -> float:
        """Time after which nothing arrives: never."""
        return math.inf

    def work_us(self, times_us: Float64Vector) -> Float64Vector:
        """F(t): the work done by those times."""
        turn = 2.0 * math.pi / self.period_us
        swing = np.sin(turn * (times_us - self.peak_us)) + math.sin(turn * self.peak_us)
        work: Float64Vector = times_us + self.amplitude / turn * swing
        return work

    def real_us(self, work_us: Float64Vector) -> Float64Vector:
        """F⁻¹: the times at which that work is done, by a table of one period."""
        table_us = np.linspace(0.0, self.period_us, PERIOD_CELLS + 1)
        periods = np.floor(work_us / self.period_us)
        within = np.interp(work_us - periods * self.period_us, self.work_us(table_us), table_us)
        real: Float64Vector = periods * self.period_us + within
        return real


Profile: TypeAlias = Piecewise | Diurnal

CONSTANT = Piecewise((0.0,), (1.0,))


def profile_from_mapping(where: str, mapping: object) -> Profile:
    """The profile in a mapping {type, ...}; times in seconds from the start of the workload.

    Raises
    ------
    ConfigError
        If a key is unknown, missing or out of range, or nothing would ever arrive.
    """
    names = {name for required, optional, _ in _TYPES.values() for name in required + optional}
    given = check_keys(where, mapping, ("type", *sorted(names)), ("type",))
    kind = check_choice(f"{where}.type", given["type"], _TYPES)
    required, optional, read = _TYPES[kind]
    profile = read(where, check_keys(where, given, ("type", *required, *optional), required))
    end_us = profile.end_us
    if end_us < math.inf and profile.work_us(np.array([end_us]))[0] <= 0:
        raise ConfigError(f"{where} must have a factor > 0 for some time; got {mapping!r}.")
    return profile


def _constant(where: str, given: Mapping[str, Any]) -> Profile:
    return CONSTANT


def _step(where: str, given: Mapping[str, Any]) -> Profile:
    at, factor = _seconds(where, given, "at_s"), _factor(where, given, "factor")
    return _through([(0.0, 1.0), (at, 1.0), (at, factor)])


def _ramp(where: str, given: Mapping[str, Any]) -> Profile:
    start, end = _span(where, given)
    first, last = _factor(where, given, "from"), _factor(where, given, "to")
    return _through([(0.0, first), (start, first), (end, last)])


def _diurnal(where: str, given: Mapping[str, Any]) -> Profile:
    period_s = check_number(f"{where}.period_s", given.get("period_s", 86_400), above=0, maximum=LATEST_S, unit="s")
    return Diurnal(
        period_us=period_s * US_PER_S,
        amplitude=check_number(f"{where}.amplitude", given["amplitude"], 0, 1),
        peak_us=_seconds(where, {"peak_s": 0, **given}, "peak_s"),
    )


def _spike(where: str, given: Mapping[str, Any]) -> Profile:
    at, factor = _seconds(where, given, "at_s"), _factor(where, given, "factor")
    duration_s = check_number(f"{where}.duration_s", given["duration_s"], above=0, maximum=LATEST_S, unit="s")
    end = at + duration_s * US_PER_S
    return _through([(0.0, 1.0), (at, 1.0), (at, factor), (end, factor), (end, 1.0)])


def _drain(where: str, given: Mapping[str, Any]) -> Profile:
    start, end = _span(where, given)
    return _through([(0.0, 1.0), (start, 1.0), (end, 0.0)])


def _piecewise(where: str, given: Mapping[str, Any]) -> Profile:
    points = given["points"]
    if not isinstance(points, list) or not points:
        raise ConfigError(f"{where}.points must be a list of pairs [time in s, factor]; got {points!r}.")
    path: list[tuple[float, float]] = []
    for k, point in enumerate(points):
        at = f"{where}.points[{k}]"
        if not isinstance(point, list) or len(point) != 2:
            raise ConfigError(f"{at} must be a pair [time in s, factor]; got {point!r}.")
        earliest = path[-1][0] / US_PER_S if path else 0
        time_s = check_number(f"{at}[0]", point[0], earliest, LATEST_S, "s")
        path.append((time_s * US_PER_S, check_number(f"{at}[1]", point[1], 0)))
    return _through([(0.0, path[0][1]), *path])


_Reader: TypeAlias = Callable[[str, Mapping[str, Any]], Profile]
_TYPES: dict[str, tuple[tuple[str, ...], tuple[str, ...], _Reader]] = {  # type -> required, optional, reader
    "constant": ((), (), _constant),
    "step": (("at_s", "factor"), (), _step),
    "ramp": (("end_s", "from", "to"), ("start_s",), _ramp),
    "diurnal": (("amplitude",), ("period_s", "peak_s"), _diurnal),
    "spike": (("at_s", "duration_s", "factor"), (), _spike),
    "drain": (("end_s",), ("start_s",), _drain),
    "piecewise": (("points",), (), _piecewise),
}


def _through(path: list[tuple[float, float]]) -> Piecewise:
    return Piecewise(tuple(time for time, _ in path), tuple(factor for _, factor in path))


def _seconds(where: str, given: Mapping[str, Any], key: str) -> float:
    """A time [µs] that is given in seconds."""
    return check_number(f"{where}.{key}", given[key], 0, LATEST_S, "s") * US_PER_S


def _factor(where: str, given: Mapping[str, Any], key: str) -> float:
    return check_number(f"{where}.{key}", given[key], 0)


def _span(where: str, given: Mapping[str, Any]) -> tuple[float, float]:
    """Start, by default 0, and end [µs]."""
    start = _seconds(where, {"start_s": 0, **given}, "start_s")
    end_s = check_number(f"{where}.end_s", given["end_s"], above=start / US_PER_S, maximum=LATEST_S, unit="s")
    return start, end_s * US_PER_S
