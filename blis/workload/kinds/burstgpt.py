"""Requests of BurstGPT logs: times, lengths, models and log types of production requests, without their text.

Format: Y. Wang et al., "BurstGPT", arXiv:2401.17644. Columns `Timestamp` [s], `Model`, `Request tokens`,
`Response tokens`, `Total tokens`, `Log Type`; later editions add `Session ID` and `Elapsed time`. A response of 0
tokens is a request that failed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from blis.foundation.checks import check_choice, check_int, nearest
from blis.foundation.errors import ConfigError
from blis.foundation.units import US_PER_S, Float64Vector, Int32Vector, Int64Vector
from blis.workload.logs.name_column import NameColumn
from blis.workload.logs.recorded import check_options, csv_pieces, float_column, int_column, refuse_cell
from blis.workload.prefixes.keys import keys_of_groups
from blis.workload.requests import Requests
from blis.workload.table import requests_of, timeline

COLUMNS = ("Timestamp", "Model", "Request tokens", "Response tokens", "Total tokens", "Log Type")
SESSION_COLUMN = "Session ID"  #: optional
FAILURES = ("drop", "keep")


@dataclass(frozen=True, slots=True)
class Params:
    """Which log, how fast it is replayed, and what becomes of failed requests."""

    path: Path  #: CSV file, may be gzipped
    rate: float | None = None  #: > 0 [requests/s], time is scaled to this mean rate; None as recorded
    num_requests: int | None = None  #: ≥ 1, only the first ones; None for all
    failures: str = "drop"  #: drop, or keep: requests without output, of at least one prompt token

    @classmethod
    def from_mapping(cls, where: str, mapping: Mapping[str, object]) -> "Params":
        """Check the keys of `Params`."""
        options = check_options(where, mapping, more=("failures",))
        failures = check_choice(f"{where}.failures", options.pop("failures", None) or "drop", FAILURES)
        return cls(failures=failures, **options)


def generate(params: Params, seed: int, block_size_tokens: int) -> Requests:
    """Read the log; the first arrival is time 0, and no request shares a prefix with another.

    Parameters
    ----------
    params : Params
    seed : int ≥ 0
        Not used: a log has no randomness.
    block_size_tokens : int ≥ 1

    Returns
    -------
    Requests
        Tenant: the model that was asked. Sessions and their rounds where the log has them.

    Raises
    ------
    ConfigError
        Naming the row (from 0), the line and the column of a wrong cell.
    """
    check_int("block_size_tokens", block_size_tokens, 1, unit="tokens")
    log = _read(params.path)
    is_failed = log.output_tokens == 0
    is_kept = ~is_failed if params.failures == "drop" else np.ones(len(is_failed), np.bool_)
    rows = np.flatnonzero(is_kept)
    if len(rows) == 0:
        raise ConfigError(
            f"{params.path} must hold a request that did not fail; all {len(is_failed)} have no response."
        )
    seconds = log.seconds[rows]
    line = timeline("workload", (seconds - seconds.min()) * US_PER_S, params.rate, params.num_requests)
    rows = rows[line.order]
    input_tokens, output_tokens = np.maximum(log.input_tokens[rows], 1), log.output_tokens[rows]
    no_prefix = np.zeros(len(rows), np.int64)
    session = log.session.labels(rows)
    return requests_of(
        arrival_us=line.arrival_us,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        keys=keys_of_groups(input_tokens, output_tokens, no_prefix - 1, no_prefix, block_size_tokens),
        block_size_tokens=block_size_tokens,
        number=rows,
        tenant=log.model.labels(rows),
        session=session,
        turn=_turns(session.indices),
        notes=(*_notes(params, log, int(is_failed.sum())), *line.notes),
    )


@dataclass(frozen=True, slots=True)
class _Log:
    """The columns of a log."""

    seconds: Float64Vector
    input_tokens: Int64Vector
    output_tokens: Int64Vector
    n_wrong_totals: int
    model: NameColumn
    session: NameColumn


def _read(path: Path) -> _Log:
    header, pieces = csv_pieces(path)
    for name in COLUMNS:
        if name not in header:
            raise ConfigError(
                f"{path} must have a column {name!r}{nearest(name, header)} Columns: {', '.join(header)}."
            )
    seconds, prompts, outputs = [], [], []
    model, session = NameColumn(), NameColumn(empty_is_none=True)
    n_wrong_totals = 0
    for first_row, columns in pieces:
        cells = dict(zip(header, columns, strict=True))
        seconds.append(float_column(path, "Timestamp", cells["Timestamp"], 0, first_row))
        prompt, output, total = (int_column(path, name, cells[name], 0, first_row) for name in COLUMNS[2:5])
        is_wrong = (prompt == 0) & (output > 0)
        if is_wrong.any():
            rule = "an int ≥ 1 where there is a response"
            refuse_cell(path, int(is_wrong.argmax()), COLUMNS[2], rule, cells[COLUMNS[2]], first_row)
        n_wrong_totals += int((total != prompt + output).sum())
        prompts.append(prompt)
        outputs.append(output)
        model.extend(cells["Model"])
        session.extend(cells.get(SESSION_COLUMN, [""] * len(total)))
    columns_read = (np.concatenate(seconds), np.concatenate(prompts), np.concatenate(outputs))
    return _Log(*columns_read, n_wrong_totals, model, session)


def _turns(session: Int32Vector) -> Int32Vector:
    """How many requests of the same session came before."""
    order = np.argsort(session, kind="stable")
    ordered = session[order]
    is_first = np.concatenate(([True], ordered[1:] != ordered[:-1]))
    position = np.arange(len(session))
    turns = np.zeros(len(session), np.int32)
    turns[order] = position - np.maximum.accumulate(np.where(is_first, position, 0))
    turns[session < 0] = 0
    return turns


def _notes(params: Params, log: _Log, n_failed: int) -> list[str]:
    n = len(log.seconds)
    notes = []
    if n_failed:
        what = (
            "left out (failures: keep would keep them)"
            if params.failures == "drop"
            else "kept, without output; a prompt of 0 tokens counts as 1"
        )
        notes.append(f"{n_failed} of {n} requests failed (no response) and are {what}")
    if log.n_wrong_totals:
        notes.append(f"{log.n_wrong_totals} of {n} rows have total tokens that are not the sum; the parts are used")
    return notes
