"""How sure learned coefficients are, and which of them the runs cannot tell apart."""

from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from blis.calibrating.resampling import drawn_rows
from blis.fitting.lines import MOST_HALF_WIDTH, Lines
from blis.fitting.objective import Objective
from blis.fitting.parameters import Parameter
from blis.fitting.search import Found
from blis.fitting.statistics import drawn_differences
from blis.foundation.randomness import stream
from blis.foundation.units import Float64Vector

#: A direction is flat where half of its interval is wider than this share of the coefficients' sizes.
FLAT = 0.15
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
    with which the search ended. No draw needs a simulation. What draws cannot show is added: chance in the simulation,
    and directions along which the slopes themselves are noise.
    """
    lines = found.lines
    covariance = lines.covariance()
    carried = np.asarray(np.linalg.pinv(lines.slopes, rcond=1e-6), np.float64)
    measured = np.diag((carried * (1 - lines.noise)) @ carried.T)
    # Draws stand for what was measured; the rest of what the differences leave open is chance in the simulation.
    chance = np.maximum(np.diag(covariance) - measured, 0.0)
    half_widths, directions = _determined(lines)
    flat = np.where(half_widths > FLAT, np.minimum(half_widths, MOST_HALF_WIDTH), 0.0)
    factor = NormalDist().inv_cdf((1 + confidence) / 2)
    wider = np.hypot(factor * np.sqrt(chance), np.sqrt((directions**2) @ flat**2))
    moves = np.clip(_moves(objective, found, carried, n_draws), -MOST_HALF_WIDTH, MOST_HALF_WIDTH)
    if len(moves):
        low_moves, high_moves = np.quantile(moves, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
    else:  # as if the requests were independent
        high_moves = factor * np.sqrt(measured)
        low_moves = -high_moves
    sure = {}
    for place, one in enumerate(parameters):
        value, size, low, high = found.values[one.name], float(found.sizes[place]), low_moves[place], high_moves[place]
        below, above = np.hypot(max(float(high), 0.0), wider[place]), np.hypot(min(float(low), 0.0), wider[place])
        ends = value - size * float(below), value + size * float(above)
        sure[one.name] = Sure(value, max(ends[0], one.least), min(ends[1], one.most))
    return Certainty(sure, _flat(half_widths, directions, parameters), float(half_widths.max() / half_widths.min()))


def _determined(lines: Lines) -> tuple[Float64Vector, Float64Vector]:
    """Half the width of an interval along each of some directions, and these."""
    strength, directions = np.linalg.eigh(lines.information)
    return 2.0 / np.sqrt(np.maximum(strength, (2.0 / MOST_HALF_WIDTH) ** 2)), directions


def _moves(objective: Objective, found: Found, carried: Float64Vector, n_draws: int) -> Float64Vector:
    """(draws, parameters) relative changes of the coefficients."""
    random = stream(objective.options.seed, "fit", "certainty")
    times = objective.times(found.values, (0,)) if n_draws else None
    if times is None:
        return np.zeros((0, len(carried)))
    whole = objective.differences(times)
    moves = []
    for _ in range(n_draws):
        drawn = [
            drawn_differences(one.compared, time, drawn_rows(len(one.run), random))
            for one, time in zip(objective.learned, times, strict=True)
        ]
        moves.append(carried @ ((np.concatenate(drawn) - whole) / found.lines.units))
    return np.array(moves)


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
