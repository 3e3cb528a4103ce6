"""From the columns of a log to requests: which rows are replayed, from which time on, and what they share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from blis.foundation.checks import check_int
from blis.foundation.errors import ConfigError
from blis.foundation.randomness import stream
from blis.foundation.units import US_PER_S, BoolVector, Float64Vector, Int32Vector, Int64Vector
from blis.workload.logs.name_column import NameColumn
from blis.workload.logs.options import LogParams
from blis.workload.prefixes.keys import PrefixKeys, keys_of_groups
from blis.workload.requests import Requests
from blis.workload.table import requests_of, timeline


@dataclass(frozen=True, slots=True)
class Log:
    """What a file says, row by row in its own order; n rows."""

    times_us: Int64Vector | Float64Vector  #: (n,) ≥ 0, since whatever origin
    input_tokens: Int64Vector  #: (n,) ≥ 0, whole prompts
    output_tokens: Int64Vector  #: (n,) ≥ 0
    #: Prefix keys of some rows in order of arrival, by the size of a KV block; None if no request shares a prefix.
    keys: Callable[[Int64Vector, int], PrefixKeys] | None = None
    #: Further columns of `requests_of`, by their names there. Without `number`, a request has that of its row;
    #: without `turn`, the rounds of a session are in the order of arrival.
    columns: Mapping[str, np.ndarray | NameColumn] = field(default_factory=dict)
    after: Int64Vector | None = None  #: (n,) row that must end first, -1 for none; its time is an estimate
    think_us: Int64Vector | None = None  #: (n,) from that end to the arrival
    is_kept: BoolVector | None = None  #: (n,) whether the format's own rules let a row count; None: all
    notes: tuple[str, ...] = ()


def replayed(log: Log, params: LogParams, seed: int, block_size_tokens: int) -> Requests:
    """The requests of a log, as its parameters want them.

    Requests without prompt tokens go first, then what lies outside of the span, then `skip_requests`, then what lies
    outside of the drawn part of the stretch, then what exceeds `num_requests`. The first that is left arrives at 0,
    unless the origin is kept.

    Parameters
    ----------
    log : Log
    params : LogParams
    seed : int
        Draws where a part of a stretch begins.
    block_size_tokens : int ≥ 1

    Returns
    -------
    Requests

    Raises
    ------
    ConfigError
        If no request is left.
    """
    check_int("block_size_tokens", block_size_tokens, 1, unit="tokens")
    kept, notes = _kept_rows(log, params)
    if params.stretch is not None:
        kept = _drawn_part(log, kept, params.stretch, params.num_requests, seed)
    times_us = log.times_us[kept]
    origin_us = times_us.min()
    line = timeline(
        "workload", times_us if params.keep_origin else times_us - origin_us, params.rate, params.num_requests
    )
    if origin_us and not params.keep_origin:
        notes += (f"time 0 is second {origin_us / US_PER_S:.10g} of the log (keep_origin: true keeps its times)",)
    rows = kept[line.order]
    input_tokens, output_tokens = np.maximum(log.input_tokens[rows], 1), log.output_tokens[rows]
    if log.keys is None:
        nothing = np.zeros(len(rows), np.int64)
        keys = keys_of_groups(input_tokens, output_tokens, nothing - 1, nothing, block_size_tokens)
    else:
        keys = log.keys(rows, block_size_tokens)
    columns: dict[str, Any] = {
        name: column.labels(rows) if isinstance(column, NameColumn) else column[rows]
        for name, column in log.columns.items()
    }
    if "session" in columns and "turn" not in columns:
        columns["turn"] = _ranks(columns["session"].indices)
    return requests_of(
        arrival_us=line.arrival_us,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        keys=keys,
        block_size_tokens=block_size_tokens,
        **{"number": rows, **columns, **_waiting(log, rows)},
        notes=(*log.notes, *notes, *line.notes),
    )


def places(rows: Int64Vector, of: Int64Vector, n: int) -> Int64Vector:
    """Where in `rows` each of the rows `of` stands, -1 for those that are -1 or not there; `n` rows in all."""
    place = np.full(n + 1, -1)  # the last entry is that of no row
    place[rows] = np.arange(len(rows))
    found: Int64Vector = place[of]
    return found


def _kept_rows(log: Log, params: LogParams) -> tuple[Int64Vector, tuple[str, ...]]:
    """The rows that are replayed, but for those beyond `num_requests`, in the order of the file."""
    n = len(log.times_us)
    rows = np.arange(n) if log.is_kept is None else np.flatnonzero(log.is_kept)
    is_empty = log.input_tokens[rows] == 0
    notes: tuple[str, ...] = ()
    if is_empty.any():
        what = {"drop": "are left out (empty_prompts: keep would keep them)", "keep": "count as 1"}
        notes = (f"{is_empty.sum()} of {n} requests have no prompt tokens and {what[params.empty_prompts]}",)
        if params.empty_prompts == "drop":
            rows = rows[~is_empty]
    times_us = log.times_us[rows]
    since_s = (times_us - (times_us.min() if len(rows) else 0)) / US_PER_S
    rows = rows[(since_s >= params.span_start_s) & (since_s < params.span_end_s)]
    if params.skip_requests:
        order = np.argsort(log.times_us[rows], kind="stable")
        rows = np.sort(rows[order[params.skip_requests :]])
    if len(rows) == 0:
        raise ConfigError(
            f"workload: the log must hold a request with a prompt, within the span and after the skipped ones; of its "
            f"{n} requests, within {since_s.max(initial=0.0):g} s, none is left."
        )
    return rows, notes


def _drawn_part(
    log: Log, rows: Int64Vector, stretch: tuple[float, float], num_requests: int | None, seed: int
) -> Int64Vector:
    """Requests in a row, as many as are wanted, from a place of the stretch that the seed draws.

    Neighbours stay together, and so do the rates and sessions that they make: a moving block of the log (Kuensch, "The
    jackknife and the bootstrap for general stationary observations", 1989), of which a run replays one.
    """
    first, end = int(stretch[0] * len(rows)), max(int(stretch[1] * len(rows)), int(stretch[0] * len(rows)) + 1)
    count = end - first if num_requests is None else min(num_requests, end - first)
    start = first + int(stream(seed, "stretch").integers(end - first - count + 1))
    order = np.argsort(log.times_us[rows], kind="stable")
    return np.sort(rows[order[start : start + count]])


def _waiting(log: Log, rows: Int64Vector) -> dict[str, Int64Vector]:
    """Who waits for whom; whoever waited for a request that is left out comes at the estimated time."""
    if log.after is None or log.think_us is None:
        return {}
    after = places(rows, log.after[rows], len(log.times_us))
    return {"after": after, "think_us": np.where(after >= 0, log.think_us[rows], 0)}


def _ranks(group: Int32Vector) -> Int32Vector:
    """How many of the same group came before; 0 for those of no group."""
    order = np.argsort(group, kind="stable")
    ordered = group[order]
    is_first = np.concatenate(([True], ordered[1:] != ordered[:-1]))
    position = np.arange(len(group))
    ranks = np.zeros(len(group), np.int32)
    ranks[order] = position - np.maximum.accumulate(np.where(is_first, position, 0))
    ranks[group < 0] = 0
    return ranks
