"""How sure learned coefficients are, and which of them the runs cannot tell apart."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from blis.calibrating.resampling import drawn_rows
from blis.fitting.objective import Objective
from blis.fitting.parameters import Parameter
from blis.fitting.search import Found
from blis.fitting.statistics import drawn_differences
from blis.foundation.randomness import stream
from blis.foundation.units import Float64Vector

#: A direction is flat where half of its interval is wider than this share of the coefficients' sizes.
FLAT = 0.15
#: Intervals of what is not determined at all end here, in shares of the coefficients' sizes.
_MOST = 2.0
#: Coefficients with less than this share of a direction are not named as part of it.
_LEAST_SHARE = 0.3


class Sure(NamedTuple):
    """A learned coefficient."""

    value: float
    low: float  #: ends of its interval
    high: float


class Flat(NamedTuple):
    """A combination of coefficients that the runs hardly determine."""

    names: tuple[str, ...]  #: with the sign of each one's part, as "+step_us"
    half_width: float  #: of its interval, as a share of the coefficients' sizes


class Certainty(NamedTuple):
    """Of all learned coefficients."""

    sure: dict[str, Sure]
    flat: tuple[Flat, ...]
    condition: float  #: of the least determined direction over the best determined one


def certainty(
    objective: Objective, parameters: Sequence[Parameter], found: Found, n_draws: int, confidence: float
) -> Certainty:
    """Intervals from requests drawn again in stretches, carried over to the coefficients by the slopes of the fit.

    Drawing changes the differences; the change of the coefficients that makes up for it is that of the straight lines
    with which the search ended. No draw needs a simulation.
    """
    half_widths, directions = _determined(found)
    inverse = np.asarray(np.linalg.pinv(found.slopes, rcond=1e-6), np.float64)
    moves = np.clip(_moves(objective, found, inverse, n_draws), -_MOST, _MOST)
    # What draws cannot show: along a flat direction the slopes themselves are noise.
    unknown = np.where(half_widths > FLAT, np.minimum(half_widths, _MOST), 0.0)
    wider = np.sqrt((directions**2) @ unknown**2)
    sure = {}
    for place, one in enumerate(parameters):
        value, size = found.values[one.name], float(found.sizes[place])
        low, high = np.quantile(moves[:, place], [(1 - confidence) / 2, (1 + confidence) / 2]) if n_draws else (0, 0)
        below, above = np.hypot(max(float(high), 0.0), wider[place]), np.hypot(min(float(low), 0.0), wider[place])
        ends = value - size * float(below), value + size * float(above)
        sure[one.name] = Sure(value, max(ends[0], one.least), min(ends[1], one.most))
    return Certainty(sure, _flat(half_widths, directions, parameters), float(half_widths.max() / half_widths.min()))


def _determined(found: Found) -> tuple[Float64Vector, Float64Vector]:
    """Half the width of an interval along each of some directions, and these.

    The slopes have noise, which looks as if coefficients mattered that do not: it is taken off first.
    """
    information = found.slopes.T @ found.slopes - found.doubt
    strength, directions = np.linalg.eigh((information + information.T) / 2)
    return 2.0 / np.sqrt(np.maximum(strength, (2.0 / _MOST) ** 2)), directions


def _moves(objective: Objective, found: Found, inverse: Float64Vector, n_draws: int) -> Float64Vector:
    """(draws, parameters) relative changes of the coefficients."""
    random = stream(objective.options.seed, "fit", "certainty")
    times = objective.all_times(found.values)
    whole = [
        drawn_differences(one.compared, time, np.arange(len(one.run)), found.floor)
        for one, time in zip(objective.learned, times, strict=True)
    ]
    moves = []
    for _ in range(n_draws):
        changes = [
            drawn_differences(one.compared, time, drawn_rows(len(one.run), random), found.floor) - middle
            for one, time, middle in zip(objective.learned, times, whole, strict=True)
        ]
        moves.append(inverse @ np.nan_to_num(np.concatenate(changes)))
    return np.array(moves).reshape(len(moves), inverse.shape[0])


def _flat(half_widths: Float64Vector, directions: Float64Vector, parameters: Sequence[Parameter]) -> tuple[Flat, ...]:
    """Directions that are hardly determined, the least determined first."""
    flat = []
    for half_width, direction in zip(half_widths, directions.T, strict=True):
        if half_width > FLAT:
            sign = np.sign(direction[np.abs(direction).argmax()])
            names = [
                f"{'+' if part * sign > 0 else '-'}{one.name}"
                for part, one in zip(direction, parameters, strict=True)
                if abs(part) >= _LEAST_SHARE
            ]
            flat.append(Flat(tuple(names), float(half_width)))
    return tuple(flat)
