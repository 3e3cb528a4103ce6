"""When the rows of a log come that says for some of them only how long after the answer before, or nothing."""

from typing import NamedTuple

import numpy as np

from blis.foundation.errors import ConfigError
from blis.foundation.randomness import stream
from blis.foundation.units import US_PER_S, Float64Vector, Int32Vector, Int64Vector
from blis.workload.clients.client import CLOSED_US_PER_OUTPUT_TOKEN
from blis.workload.logs.options import LogParams


class SessionTimes(NamedTuple):
    """Times of n rows."""

    times_us: Float64Vector  #: (n,) recorded, drawn or estimated
    after: Int64Vector  #: (n,) row that must end first, -1 for none
    think_us: Int64Vector  #: (n,) from that end to the arrival
    notes: tuple[str, ...]


def drawn_times_us(params: LogParams, seed: int, n: int) -> Float64Vector:
    """Times of a Poisson process for a log without times; the rate is scaled later.

    Raises
    ------
    ConfigError
        If no rate is given.
    """
    if params.rate is None:
        raise ConfigError(f"workload.rate must be given [requests/s], since {params.path} says no times; got none.")
    gaps_s = stream(seed, "workload", "arrivals").standard_exponential(n) / params.rate
    gaps_s[:1] = 0
    return gaps_s.cumsum() * US_PER_S


def session_times(
    params: LogParams,
    seed: int,
    times_us: Float64Vector,
    delay_us: Float64Vector,
    session: Int32Vector,
    output_tokens: Int64Vector,
) -> SessionTimes:
    """Times of rows of which some follow others of their session.

    Parameters
    ----------
    times_us : (n,) float64
        NaN where no time is recorded.
    delay_us : (n,) float64
        Between the end of the session's row before and the row; NaN where it is not recorded.
    session : (n,) int32
        Rows of one session follow each other in the order of the file; -1 for none.

    Returns
    -------
    SessionTimes
        A row without a time follows the one before it in a closed loop. Where no row has a time, sessions begin at the
        times of a Poisson process.

    Raises
    ------
    ConfigError
        Naming a row without time and predecessor.
    """
    n = len(times_us)
    previous = _previous(session)
    follows = np.isnan(times_us) & (previous >= 0)
    is_start = np.isnan(times_us) & ~follows
    times_us = times_us.copy()
    notes = []
    if (is_start | follows).all():
        times_us[is_start] = drawn_times_us(params, seed, int(is_start.sum()))
        notes.append("no row has a time: starts are drawn from a Poisson process")
    elif is_start.any():
        row = int(is_start.argmax())
        raise ConfigError(
            f"{params.path}, row {row}: must have a timestamp, or an earlier row of its session; got neither."
        )
    think_us = np.where(follows, np.nan_to_num(delay_us), 0)
    for row in np.flatnonzero(follows).tolist():
        before = int(previous[row])
        answer_us = int(output_tokens[before]) * CLOSED_US_PER_OUTPUT_TOKEN
        times_us[row] = times_us[before] + answer_us + think_us[row]
    if follows.any():
        notes.append(f"{follows.sum()} of {n} requests come a delay after the answer before them (a closed loop)")
    return SessionTimes(times_us, np.where(follows, previous, -1), np.rint(think_us).astype(np.int64), tuple(notes))


def _previous(session: Int32Vector) -> Int64Vector:
    """The row before each row in its session, -1 for none."""
    order = np.argsort(session, kind="stable")
    later = 1 + np.flatnonzero((session[order][1:] == session[order][:-1]) & (session[order][1:] >= 0))
    previous = np.full(len(session), -1)
    previous[order[later]] = order[later - 1]
    return previous
