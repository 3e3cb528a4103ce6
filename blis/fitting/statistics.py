"""What of a run a fit compares: how times depend on what requests met.

Requests are grouped by what they met, since those that met an idle server scatter least and say most. In each group the
difference of simulated and measured times is projected on what the requests met (prompt length, requests in flight,
prompts read meanwhile), in units of the group's own scatter; so each number is about normal around 0 for a simulator
that is right.
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
#: Groups of busy requests.
N_LOAD_GROUPS = 3
#: Scatter below this share of a time is taken for this: clocks have no more.
LEAST_SCATTER = 0.0005
#: No mean of many requests is taken for surer than this share of a time: no server keeps its own pace better.
LEAST_ERROR = 0.0001
#: An error counts for at most so many times the scatter of its group.
MOST_SCATTERS = 4.0
_CUTS = 20


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
class Compared:
    """Everything of one run that is compared."""

    times: Times  #: as measured
    groups: tuple[Group, ...]


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
    return Compared(times, tuple(groups))


def differences(of: Compared, simulated: Times, unclipped: float = 0.0) -> Float64Vector:
    """Every number that is compared: 0 for equal, about 1 for one standard error of what was measured.

    Parameters
    ----------
    of : Compared
    simulated : Times
        Of the same requests.
    unclipped : float
        Share of a time by which simulated times may be wrong beside the scatter: far from the end of a search nothing
        may be cut.
    """
    return drawn_differences(of, simulated, None, unclipped)


def drawn_differences(
    of: Compared, simulated: Times, drawn: Int64Vector | None, unclipped: float = 0.0
) -> Float64Vector:
    """The same of requests that were drawn, some of them repeatedly, others not; None: of each once."""
    weight = None if drawn is None else np.bincount(drawn, minlength=len(of.times.ttft_us))
    parts = []
    for group in of.groups:
        errors = _errors(of, group, simulated)
        most = MOST_SCATTERS * float(np.hypot(group.scatter, unclipped))
        # Most requests meet nothing unusual: none counts for more than a few times the others' scatter. That is around
        # their middle, which is far from 0 where a latency model cannot say what was measured.
        middle = float(np.median(errors))
        errors = np.clip(errors, middle - most, middle + most)
        if weight is not None:
            errors = errors * weight[group.rows]
        unit = np.hypot(group.scatter, LEAST_ERROR * np.sqrt(len(group.rows)))
        parts.append(group.basis.T @ errors / unit)
    return np.concatenate(parts) if parts else np.zeros(0)


def with_scatter(of: Compared, simulated: Times) -> None:
    """Take each group's scatter from what is left of its differences once they are projected."""
    for group in of.groups:
        errors = _errors(of, group, simulated)
        group.scatter = _scatter(errors - group.basis @ (group.basis.T @ errors))


def coarse_error(of: Compared, simulated: Times) -> float:
    """Mean over the groups of how far their times are off at the median, as a logarithm; infinite of none."""
    found = [float(np.median(np.abs(_errors(of, group, simulated)))) for group in of.groups]
    return float(np.mean(found)) if found else np.inf


def n_without_time(of: Compared, simulated: Times) -> int:
    """Requests that are compared and that the simulation does not complete."""
    rows = np.unique(np.concatenate([group.rows for group in of.groups])) if of.groups else np.zeros(0, np.int64)
    return int((np.isnan(simulated.ttft_us) & np.isnan(simulated.between_us))[rows].sum())


def _errors(of: Compared, group: Group, simulated: Times) -> Float64Vector:
    """Logarithms of simulated over measured times; 0, which says nothing, where there is no simulated one."""
    time_us = simulated.ttft_us if group.of_ttft else simulated.between_us
    return np.asarray(np.nan_to_num(np.log(np.maximum(time_us[group.rows], 1e-3)) - group.measured))


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
    return Group(of_ttft, rows, basis, measured, _scatter(left))  # until there are simulated times


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
    """A standard deviation that single outliers do not change: of the values, cut at a few times itself.

    A median distance would be 0 where most requests met nothing that varies, whatever the others met.
    """
    scatter = float(np.sqrt(np.mean(values**2)))
    for _ in range(_CUTS):
        most = MOST_SCATTERS * scatter
        scatter = float(np.sqrt(np.mean(np.clip(values, -most, most) ** 2)))
    return max(scatter, LEAST_SCATTER)
