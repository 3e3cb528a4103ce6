"""Learns coefficients: straight lines through what was tried near a point lead to the next one.

Times of single requests jump with every coefficient, and so does, a little, everything that is made of them. Slopes
from two neighbouring points would be noise. Instead, each step tries points in pairs on either side of the best one,
in random directions at right angles, fits a straight line to each difference through these and all earlier points
nearby, and solves for the coefficients with the least squares within bounds (`scipy.optimize.lsq_linear`: Gauss and
Newton's step). What a line leaves over tells how much of a difference is chance or curvature, and each counts as much
as it is sure (generalised least squares): what is smooth leads to the end, what is rough says little. Points come
nearer as steps become shorter, but no nearer than the coefficients are determined.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from blis.fitting.lines import Lines, lines_through
from blis.fitting.load import load_of
from blis.fitting.objective import Objective, with_chance
from blis.fitting.parameters import Parameter, bounds_of
from blis.fitting.statistics import Times, coarse_error, with_scatter
from blis.foundation.errors import ConfigError
from blis.foundation.randomness import stream
from blis.foundation.units import Float64Vector

#: How far apart points are tried, as a relative change of the coefficients: at first, and at last.
_FIRST_RADIUS, _LAST_RADIUS = 0.20, 0.01
#: The next points are as far apart as the step was long, times this; and as the coefficients are unsure, times this.
_PER_STEP, _PER_DEVIATION = 3.0, 0.5
#: One step brings them nearer by no more than this factor, and goes no farther than so many times their distance.
_MOST_NEARER, _REACH = 2.5, 2.0
#: So many steps are made from points as near as they come, for chance to even out, and so many in all.
_NEAR_STEPS, MOST_STEPS = 6, 40
#: Points are as near as they come within this factor.
_NEAR = 1.5
#: A step changes nothing when it is shorter than so many standard deviations, in each direction on average.
_NOTHING = 0.5
#: Earlier points count within so many times the distance of the new ones, and no more of them than this.
_NEARBY, _MOST_POINTS = 1.5, 80
#: Share of what a coefficient would be if it alone made the measured times, below which it is not taken for smaller.
_SMALL = 0.3


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """Where a search ended."""

    values: dict[str, float]
    sizes: Float64Vector  #: (parameters,) what a relative change of each is measured by
    lines: Lines  #: through the last points
    loss: float  #: mean square of the differences, each in units of its error
    n_steps: int
    is_finished: bool  #: whether further steps would change nothing that the runs determine


class _Tried(NamedTuple):
    """One evaluation."""

    point: Float64Vector
    times: tuple[Times, ...]


def search(
    objective: Objective,
    parameters: Sequence[Parameter],
    start: Mapping[str, float],
    tick: Callable[[], object] = lambda: None,
    reached: Callable[[Found], object] = lambda found: None,
    most_steps: int = MOST_STEPS,
) -> Found:
    """Learn `parameters` from a start; all other coefficients keep the start's values.

    Parameters
    ----------
    objective : Objective
    parameters : sequence of Parameter
    start : mapping
        All coefficients of the latency model.
    tick : callable
        Called after each evaluation.
    reached : callable
        Called after each step with where the search is, so that whoever is interrupted has it.
    most_steps : int ≥ 1

    Raises
    ------
    ConfigError
        If runs make no progress with the coefficients around the start.
    """
    walk = _Walk(objective, parameters, start, tick)
    found: Found | None = None
    n_near = 0
    for number in range(1, most_steps + 1):
        step = walk.step()
        if step is None:
            continue
        n_near += step.is_near
        is_finished = n_near >= _NEAR_STEPS and step.is_nothing
        found = Found(walk.values(), step.sizes, step.lines, step.loss, number, is_finished)
        reached(found)
        if found.is_finished:
            break
    if found is None:
        raise ConfigError(
            "cluster.latency must be coefficients near which the measured runs make progress in the simulator; with "
            "these, and others around them, none does."
        )
    return found


class _Step(NamedTuple):
    """What one step was made of."""

    lines: Lines
    sizes: Float64Vector
    loss: float
    is_near: bool  #: whether points were as near as they come
    is_nothing: bool  #: whether it changed nothing that the runs determine


class _Walk:
    """The state of a search."""

    def __init__(
        self,
        objective: Objective,
        parameters: Sequence[Parameter],
        start: Mapping[str, float],
        tick: Callable[[], object],
    ) -> None:
        self._objective, self._parameters, self._start, self._tick = objective, parameters, start, tick
        self._low, self._high = bounds_of(parameters)
        natural = natural_sizes(objective)
        self._natural = np.array([natural[one.name] for one in parameters])
        self._point = np.clip(np.array([start[one.name] for one in parameters]), self._low, self._high)
        self._random = stream(objective.options.seed, "fit", "search")
        self._radius = _FIRST_RADIUS
        self._tried: list[_Tried] = []

    def values(self, point: Float64Vector | None = None) -> dict[str, float]:
        """All coefficients at a point; None: where the search is."""
        point = self._point if point is None else point
        return {
            **self._start,
            **{one.name: float(value) for one, value in zip(self._parameters, point, strict=True)},
        }

    def step(self) -> _Step | None:
        """Try points around, and go where the lines through them lead; None if too few runs made progress."""
        n = len(self._point)
        sizes = np.maximum(np.abs(self._point), _SMALL * self._natural)
        box = _Box(self._point, sizes, self._low, self._high)
        distance = self._radius * n**0.25
        middle = self._try(self._point)
        if middle is not None:
            for one, times in zip(self._objective.learned, middle.times, strict=True):
                with_scatter(one.compared, times)
            with_chance(self._objective)
        directions, _ = np.linalg.qr(self._random.standard_normal((n, n)))
        for direction in directions.T:
            for sign in (1.0, -1.0):
                self._try(box.at(sign * distance * direction))
        points, nearby = self._nearby(box, distance)
        if len(points) < n + 2:
            self._radius /= _MOST_NEARER
            return None
        lines = lines_through(points, np.stack([self._objective.differences(one, self._radius) for one in nearby]))
        step = _solved(lines, box, _REACH * self._radius)
        deviations = np.sqrt(np.diag(lines.covariance()))
        nearest = max(_LAST_RADIUS, min(_PER_DEVIATION * float(deviations.max()), _FIRST_RADIUS))
        length = float(step @ lines.slopes.T @ lines.slopes @ step)
        is_near, is_nothing = self._radius <= _NEAR * nearest, length <= n * _NOTHING**2
        self._point = _on_bounds(box.at(step), box)
        wanted = max(self._radius / _MOST_NEARER, _PER_STEP * float(np.abs(step).max()), nearest)
        self._radius = min(self._radius, wanted)
        loss = float(np.mean((lines.middle + lines.slopes @ step) ** 2))
        return _Step(lines, sizes, loss, is_near, is_nothing)

    def _try(self, point: Float64Vector) -> _Tried | None:
        """Simulate every run with the coefficients at a point; None if one makes no progress."""
        times = self._objective.times(self.values(point), self._objective.drawn(self._random))
        self._tick()
        if times is None:
            return None
        self._tried = [*self._tried[-_MOST_POINTS + 1 :], _Tried(point, times)]
        return self._tried[-1]

    def _nearby(self, box: "_Box", distance: float) -> tuple[Float64Vector, list[tuple[Times, ...]]]:
        """Relative coordinates, and times, of what was tried near the point."""
        relative = np.array([(one.point - box.point) / box.sizes for one in self._tried]).reshape(-1, len(box.point))
        rows = np.flatnonzero(np.linalg.norm(relative, axis=1) <= _NEARBY * distance)
        return relative[rows], [self._tried[row].times for row in rows.tolist()]


def natural_sizes(objective: Objective) -> dict[str, float]:
    """Of each coefficient, what it would be if it alone made the measured times."""
    ttft, between, prompt, batch = [], [], [], []
    for one in objective.learned:
        times = one.compared.times
        ttft.append(float(np.nanquantile(times.ttft_us, 0.25)) if not np.isnan(times.ttft_us).all() else 1e4)
        between.append(float(np.nanmedian(times.between_us)) if not np.isnan(times.between_us).all() else 1e4)
        prompt.append(float(np.mean(one.run.input_tokens)))
        batch.append(float(np.quantile(load_of(one.run, objective.simulator.instances).batch, 0.9)))
    first, token = min(ttft), min(between)
    per_prompt_token = first / max(max(prompt), 1.0)
    return {
        "scale": 1.0,
        "mfu_prefill": 1.0,
        "mfu_decode": 1.0,
        "completion_us": 0.5 * first,
        "request_us": 0.5 * first,
        "request_us_per_token": per_prompt_token,
        "output_token_us": token,
        "step_us": token,
        "prompt_token_us": per_prompt_token,
        "decode_us": token / max(max(batch), 1.0),
    }


class _Box(NamedTuple):
    """Relative coordinates around a point, within bounds."""

    point: Float64Vector
    sizes: Float64Vector
    low: Float64Vector
    high: Float64Vector

    def at(self, relative: Float64Vector) -> Float64Vector:
        """Coefficients at relative coordinates."""
        return np.asarray(np.clip(self.point + self.sizes * relative, self.low, self.high))

    def ends(self) -> tuple[Float64Vector, Float64Vector]:
        """Bounds as relative coordinates."""
        return (self.low - self.point) / self.sizes, (self.high - self.point) / self.sizes


def better_start(
    objective: Objective, starts: Sequence[Mapping[str, float]], tick: Callable[[], object] = lambda: None
) -> Mapping[str, float]:
    """The start with which the times of the runs, as they were, are nearest."""
    if len(starts) == 1:
        return starts[0]
    errors = []
    for start in starts:
        times = objective.times(start, (0,))
        tick()
        found = (
            []
            if times is None
            else [coarse_error(one.compared, time) for one, time in zip(objective.learned, times, strict=True)]
        )
        errors.append(float(np.mean(found)) if found else np.inf)
    return starts[int(np.argmin(errors))]


def _solved(lines: Lines, box: _Box, reach: float) -> Float64Vector:
    """The step, within reach and bounds, that leaves the least squares."""
    from scipy.optimize import lsq_linear

    low, high = box.ends()
    least, most = np.minimum(np.maximum(low, -reach), -1e-12), np.maximum(np.minimum(high, reach), 1e-12)
    return np.asarray(lsq_linear(lines.slopes, -lines.middle, bounds=(least, most)).x)


def _on_bounds(point: Float64Vector, box: _Box) -> Float64Vector:
    """The point, on its bounds where only the solver's rounding lies between."""
    near = 1e-9 * box.sizes
    point = np.where(point - box.low <= near, box.low, point)
    return np.where(box.high - point <= near, box.high, point)
