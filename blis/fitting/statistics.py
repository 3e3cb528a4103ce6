"""What of a run a fit compares: how times depend on what requests met, and how widely first tokens scatter.

Requests are grouped by what they met, since those that met an idle server scatter least and say most. In each group the
difference of simulated and measured times is projected on what the requests met (prompt length, requests in flight,
prompts read meanwhile), in units of the group's own scatter; so each number is about normal around 0 for a simulator
that is right. Quantiles of the time to first token, in groups of like prompts, add what averages cannot say: a request
waits for a part of one step, so the width of the scatter is the length of a step.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from blis.calibrating.measured_run import MeasuredRun
from blis.calibrating.pairing import E2E, TPOT, TTFT, measured_times
from blis.fitting.load import Load, load_of
from blis.foundation.units import BoolVector, Float64Vector, Int64Vector

#: Smaller groups say nothing.
FEWEST = 12
#: Groups of busy requests, and of like prompts.
N_LOAD_GROUPS, N_PROMPT_GROUPS = 3, 8
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
#: Scatter below this share of a time is taken for this: clocks have no more.
LEAST_SCATTER = 0.0005
#: An error counts for at most so many times the scatter of its group.
MOST_SCATTERS = 4.0
#: Beside it, of the scatter that is added: far from the end of a search nothing may be cut.
FLOORS_UNCLIPPED = 10.0


class Times(NamedTuple):
    """(n,) each, of a run's requests; NaN where there is none."""

    ttft_us: Float64Vector
    between_us: Float64Vector


@dataclass(slots=True)
class Group:
    """Requests whose differences are projected."""

    of_ttft: bool  #: else of the time between tokens
    rows: Int64Vector
    basis: Float64Vector  #: (len(rows), k) orthonormal
    measured: Float64Vector  #: (len(rows),) log of the measured times
    scatter: float  #: standard deviation of one difference


@dataclass(frozen=True, slots=True)
class Spread:
    """Requests whose quantiles are compared."""

    rows: Int64Vector
    errors: Float64Vector  #: standard error of each quantile's log


@dataclass(frozen=True, slots=True)
class Compared:
    """Everything of one run that is compared."""

    times: Times  #: as measured
    groups: tuple[Group, ...]
    spreads: tuple[Spread, ...]


def measured_log_times(run: MeasuredRun) -> Times:
    """What was measured, NaN where it does not count."""
    values = []
    for metric in (TTFT, TPOT):
        time_us, without = measured_times(run, metric)
        ok = run.is_ok & (time_us > 0) & ~np.any(list(without.values()), axis=0)
        values.append(np.where(ok, time_us, np.nan))
    if np.isnan(values[0]).all() and np.isnan(values[1]).all():  # nothing came piece by piece
        time_us, without = measured_times(run, E2E)
        ok = run.is_ok & (time_us > 0) & ~np.any(list(without.values()), axis=0)
        values[0] = np.where(ok, time_us, np.nan)
    return Times(values[0], values[1])


def compared(run: MeasuredRun, instances: int, counted: BoolVector) -> Compared:
    """What is compared of a run.

    Parameters
    ----------
    run : MeasuredRun
    instances : int ≥ 1
    counted : (n,) bool
        Requests that may be learned from.
    """
    times, load = measured_log_times(run), load_of(run, instances)
    place = np.arange(len(run)) / max(len(run), 1)
    first = np.flatnonzero(counted & ~np.isnan(times.ttft_us))
    later = np.flatnonzero(counted & ~np.isnan(times.between_us))
    groups = [_ttft_group(run, times, load, place, rows) for rows in _by_load(load.in_flight, first, 0.5)]
    groups += [_between_group(run, times, load, place, rows) for rows in _by_load(load.batch, later, 1.05)]
    spreads = [_spread(times, rows) for rows in _parts(run.input_tokens, first, N_PROMPT_GROUPS)]
    return Compared(times, tuple(groups), tuple(spreads))


def differences(of: Compared, simulated: Times, floor: float) -> Float64Vector:
    """Every number that is compared: 0 for equal, about 1 for one standard error.

    Parameters
    ----------
    of : Compared
    simulated : Times
        Of the same requests.
    floor : float
        Scatter that is added: the larger it is, the less single numbers count, and the smoother is their sum.
    """
    parts = [
        group.basis.T @ _clipped(of, group, simulated, floor) / np.hypot(group.scatter, floor * _root(group.rows))
        for group in of.groups
    ]
    parts += [
        (_log_quantiles(simulated.ttft_us[one.rows]) - _log_quantiles(of.times.ttft_us[one.rows]))
        / np.hypot(one.errors, floor)
        for one in of.spreads
    ]
    found = np.concatenate(parts) if parts else np.zeros(0)
    return np.asarray(np.clip(np.nan_to_num(found, nan=1e3, posinf=1e4, neginf=-1e4), -1e4, 1e4))


def with_scatter(of: Compared, simulated: Times) -> None:
    """Take each group's scatter from what is left of its differences once they are projected."""
    for group in of.groups:
        errors = _errors(of, group, simulated)
        left = errors - group.basis @ (group.basis.T @ errors)
        group.scatter = _scatter(left)


def drawn_differences(of: Compared, simulated: Times, drawn: Int64Vector, floor: float) -> Float64Vector:
    """The same as `differences` of requests that were drawn, some of them repeatedly, others not."""
    n = len(of.times.ttft_us)
    weight = np.bincount(drawn, minlength=n)
    parts = []
    for group in of.groups:
        errors = _clipped(of, group, simulated, floor) * weight[group.rows]
        parts.append(group.basis.T @ errors / np.hypot(group.scatter, floor * _root(group.rows)))
    for one in of.spreads:
        rows = np.repeat(one.rows, weight[one.rows])
        if len(rows) == 0:
            parts.append(np.zeros(len(QUANTILES)))
            continue
        change = _log_quantiles(simulated.ttft_us[rows]) - _log_quantiles(of.times.ttft_us[rows])
        parts.append(change / np.hypot(one.errors, floor))
    return np.concatenate(parts) if parts else np.zeros(0)


def _errors(of: Compared, group: Group, simulated: Times) -> Float64Vector:
    time_us = simulated.ttft_us if group.of_ttft else simulated.between_us
    return np.asarray(np.log(np.maximum(time_us[group.rows], 1e-3)) - group.measured)


def _clipped(of: Compared, group: Group, simulated: Times, floor: float) -> Float64Vector:
    """Errors of which none counts for more than a few times the others' scatter: most requests meet nothing unusual."""
    most = MOST_SCATTERS * float(np.hypot(group.scatter, FLOORS_UNCLIPPED * floor))
    return np.asarray(np.clip(_errors(of, group, simulated), -most, most))


def _ttft_group(run: MeasuredRun, times: Times, load: Load, place: Float64Vector, rows: Int64Vector) -> Group:
    prompt = run.input_tokens[rows].astype(np.float64)
    met, unread, late = load.in_flight[rows], load.unread_tokens[rows], place[rows]
    # A share of a time is compared, so what adds to the time is divided by it: by what is expected of such a request,
    # since a time's own noise must not choose its weight.
    expected_us = _expected(times.ttft_us[rows], [prompt, met, unread])
    features = [1 / expected_us, prompt / expected_us, met / expected_us, unread / expected_us, late, late**2, late**3]
    return _group(True, rows, features, np.log(times.ttft_us[rows]))


def _expected(times_us: Float64Vector, features: list[Float64Vector]) -> Float64Vector:
    """Times as a linear function of features, within the range of those that were measured."""
    table = np.stack([np.ones(len(times_us)), *features], axis=1)
    sizes = np.maximum(np.linalg.norm(table, axis=0), 1e-300)
    weights, *_ = np.linalg.lstsq(table / sizes, times_us, rcond=None)
    low, high = np.quantile(times_us, [0.02, 0.98])
    return np.asarray(np.clip(table / sizes @ weights, low, max(high, low)))


def _between_group(run: MeasuredRun, times: Times, load: Load, place: Float64Vector, rows: Int64Vector) -> Group:
    late, few = place[rows], 1.0 / np.maximum(run.output_tokens[rows] - 1, 1)
    features = [load.batch[rows], load.prompts_per_token[rows], load.batch[rows] ** 2, few, late, late**2]
    return _group(False, rows, features, np.log(times.between_us[rows]))


def _group(of_ttft: bool, rows: Int64Vector, features: list[Float64Vector], measured: Float64Vector) -> Group:
    """A group with an orthonormal basis of its features; those that say nothing new are left out."""
    kept: list[Float64Vector] = []
    for feature in [np.ones(len(rows)), *features]:
        rest = feature / max(float(np.linalg.norm(feature)), 1e-300)
        for _ in range(2):  # twice is enough (Kahan and Parlett)
            for one in kept:
                rest = rest - one * float(one @ rest)
        size = float(np.linalg.norm(rest))
        if size > 1e-6 and len(kept) < len(rows) // 2:
            kept.append(rest / size)
    basis = np.stack(kept, axis=1)
    left = measured - basis @ (basis.T @ measured)
    return Group(of_ttft, rows, basis, measured, _scatter(left))


def _spread(times: Times, rows: Int64Vector) -> Spread:
    """Quantiles, with errors from the density around them: sqrt(p (1 - p) / n) / density."""
    logs = np.sort(np.log(times.ttft_us[rows]))
    n = len(logs)
    errors = []
    for share in QUANTILES:
        width = max(np.sqrt(share * (1 - share) / n), 1.0 / n)
        low, high = np.quantile(logs, [max(share - width, 0.0), min(share + width, 1.0)])
        errors.append(max(float(high - low) / 2, LEAST_SCATTER))
    return Spread(rows, np.sqrt(2.0) * np.array(errors))


def _by_load(met: Float64Vector, rows: Int64Vector, alone: float) -> list[Int64Vector]:
    """Those that met nobody, and the others in groups of like load."""
    is_alone = met[rows] < alone
    parts = _parts(met, rows[~is_alone], N_LOAD_GROUPS)
    return [rows[is_alone], *parts] if int(is_alone.sum()) >= FEWEST else parts


def _parts(by: np.ndarray, rows: Int64Vector, n_parts: int) -> list[Int64Vector]:
    order = rows[np.argsort(by[rows], kind="stable")]
    return [
        np.sort(part)
        for part in np.array_split(order, min(n_parts, max(1, len(order) // FEWEST)))
        if len(part) >= FEWEST
    ]


def _scatter(values: Float64Vector) -> float:
    """A standard deviation that single outliers do not change: 1.4826 times the median distance from the median."""
    away = float(np.median(np.abs(values - np.median(values))))
    return max(1.4826 * away, LEAST_SCATTER)


def _root(rows: Int64Vector) -> float:
    return float(np.sqrt(len(rows)))


def _log_quantiles(values: Float64Vector) -> Float64Vector:
    return np.asarray(np.log(np.maximum(np.quantile(values, QUANTILES), 1e-3)))
