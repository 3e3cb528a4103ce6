"""Learns coefficients: straight lines through what was tried near a point lead to the next one.

Times of single requests jump with every coefficient, and so does, a little, everything that is made of them. Slopes
from two neighbouring points would be noise. Instead, each step tries points in pairs on either side of the best one,
in random directions at right angles, fits a straight line to each difference, solves for the coefficients with the
least squares within bounds (`scipy.optimize.lsq_linear`), and takes the best of some shorter steps (as Levenberg and
Marquardt). Rounds begin
wide, where differences count coarsely, and end narrower and fine.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from blis.fitting.load import load_of
from blis.fitting.objective import Objective
from blis.fitting.parameters import Parameter, bounds_of
from blis.fitting.statistics import with_scatter
from blis.foundation.randomness import stream
from blis.foundation.units import Float64Vector


class Round(NamedTuple):
    """How far apart points are tried, and how finely differences count."""

    radius: float  #: relative change of the coefficients
    floor: float  #: scatter that is added to every difference
    n_steps: int


ROUNDS = (
    Round(0.20, 0.10, 3),
    Round(0.10, 0.03, 2),
    Round(0.05, 0.01, 3),
    Round(0.03, 0.003, 3),
    Round(0.02, 0.001, 3),
    Round(0.02, 0.0003, 2),
)
#: Share of what a coefficient would be if it alone made the measured times, below which it is not taken for smaller.
_SMALL = 0.3
#: A step changes no coefficient by more than this share of its size.
_REACH = 0.5
#: Steps that are tried: held back in directions that hardly matter by so much, and only such shares of them.
_HELD = (0.0, 2.0, 10.0, 50.0)
_SHARES = (1.0, 0.4)
#: Sets of points, each a pair per coefficient.
_SETS = 2
#: How far apart points are tried for the slopes that say how sure everything is: wide, so that they are little noise.
_LAST_RADIUS, _LAST_FLOOR = 0.05, 0.01


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """Where a search ended."""

    values: dict[str, float]
    sizes: Float64Vector  #: (parameters,) what a relative change of each is measured by
    slopes: Float64Vector  #: (differences, parameters) change of each difference per relative change of a coefficient
    doubt: Float64Vector  #: (parameters, parameters) what of slopes.T @ slopes is noise
    differences: Float64Vector
    loss: float  #: mean square of the differences
    floor: float  #: that the slopes belong to


def search(
    objective: Objective,
    parameters: Sequence[Parameter],
    start: Mapping[str, float],
    tick: Callable[[], object] = lambda: None,
    rounds: Sequence[Round] = ROUNDS,
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
    rounds : sequence of Round
    """
    low, high = bounds_of(parameters)
    natural = np.array([natural_sizes(objective)[one.name] for one in parameters])
    point = np.clip(np.array([start[one.name] for one in parameters]), low, high)
    random = stream(objective.options.seed, "fit", "search")

    def at(values: Float64Vector) -> dict[str, float]:
        return {**start, **{one.name: float(value) for one, value in zip(parameters, values, strict=True)}}

    def tried(values: Float64Vector, floor: float) -> Float64Vector:
        tick()
        return objective.differences(at(values), floor)

    for one in rounds:
        for _ in range(one.n_steps):
            box = _Box(point, np.maximum(np.abs(point), _SMALL * natural), low, high)
            design = _design(len(point), one.radius, random, box)
            middle = tried(point, one.floor)
            slopes, _ = _slopes(design, np.stack([tried(box.at(row), one.floor) for row in design]))
            steps = [share * _step(middle, slopes, box, held) for held in _HELD for share in _SHARES]
            losses = [float(np.mean(tried(box.at(step), one.floor) ** 2)) for step in steps]
            if min(losses) < float(np.mean(middle**2)):
                point = box.at(steps[int(np.argmin(losses))])
        for learned in objective.learned:
            with_scatter(learned.compared, objective.times(at(point), learned))
    left = objective.differences(at(point), rounds[-1].floor)
    box = _Box(point, np.maximum(np.abs(point), _SMALL * natural), low, high)
    design = _design(len(point), _LAST_RADIUS, random, box)
    slopes, doubt = _slopes(design, np.stack([tried(box.at(row), _LAST_FLOOR) for row in design]))
    return Found(at(point), box.sizes, slopes, doubt, left, float(np.mean(left**2)), _LAST_FLOOR)


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
    """The start from which everything looks nearest when compared coarsely."""
    losses = []
    for start in starts:
        tick()
        losses.append(float(np.mean(objective.differences(start, ROUNDS[0].floor) ** 2)))
    return starts[int(np.argmin(losses))]


def _design(n: int, radius: float, random: np.random.Generator, box: _Box) -> Float64Vector:
    """Points in pairs around 0, moved to the bounds where they lie beyond."""
    points = []
    for _ in range(_SETS):
        directions, _ = np.linalg.qr(random.standard_normal((n, n)))
        points += [sign * radius * np.sqrt(n) ** 0.5 * one for one in directions.T for sign in (1.0, -1.0)]
    return np.asarray(np.clip(np.stack(points), *box.ends()))


def _slopes(design: Float64Vector, found: Float64Vector) -> tuple[Float64Vector, Float64Vector]:
    """Slopes of the straight lines through what was found at the points, and what of slopes.T @ slopes is noise.

    What a line leaves over is noise; each slope has as much of it as the points' places let through.
    """
    table = np.concatenate([np.ones((len(design), 1)), design], axis=1)
    weights, *_ = np.linalg.lstsq(table, found, rcond=None)
    left = found - table @ weights
    variance = float((left**2).sum()) / max(len(design) - table.shape[1], 1)
    doubt = variance * np.linalg.pinv(table.T @ table)[1:, 1:]
    return np.asarray(weights[1:].T), np.asarray(doubt)


def _step(middle: Float64Vector, slopes: Float64Vector, box: _Box, held: float) -> Float64Vector:
    """The step, within reach and bounds, that leaves the least squares of the differences and of its own length."""
    from scipy.optimize import lsq_linear

    low, high = box.ends()
    n = slopes.shape[1]
    least, most = np.minimum(np.maximum(low, -_REACH), -1e-12), np.maximum(np.minimum(high, _REACH), 1e-12)
    table = np.concatenate([slopes, held * np.eye(n)])
    return np.asarray(lsq_linear(table, np.concatenate([-middle, np.zeros(n)]), bounds=(least, most)).x)
