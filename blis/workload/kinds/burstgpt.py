"""BurstGPT logs: times, lengths, models and sessions of production requests, without their text.

Format: Y. Wang et al., "BurstGPT", arXiv:2401.17644. Columns `Timestamp` [s], `Model`, `Request tokens`,
`Response tokens`, `Total tokens`, `Log Type`; later editions add `Session ID` and `Elapsed time`. A response of 0
tokens is a request that failed.
"""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from blis.foundation.errors import ConfigError
from blis.foundation.units import US_PER_S
from blis.workload.drawing.lengths import LONGEST_TOKENS
from blis.workload.logs.log import Log, replayed
from blis.workload.logs.losses import Loss, losses
from blis.workload.logs.name_column import NameColumn
from blis.workload.logs.options import LogParams
from blis.workload.logs.recognition import CSV, Head
from blis.workload.logs.recorded import LATEST_US, csv_pieces, float_column, int_column
from blis.workload.logs.text import names_of, seconds, text_file
from blis.workload.requests import Requests

COLUMNS = ("Timestamp", "Model", "Request tokens", "Response tokens", "Total tokens", "Log Type")
SESSION_COLUMN = "Session ID"  #: optional
SUFFIXES = ()  #: of written files; .csv means several formats
HOLDS = frozenset({"tenants", "sessions"})  #: aspects that survive writing


@dataclass(frozen=True, slots=True, kw_only=True)
class Params(LogParams):
    """Options of a log, and what becomes of failed requests."""

    choices: ClassVar = {**LogParams.choices, "failures": ("drop", "keep")}

    failures: str = "drop"  #: drop, or keep: requests without output


def recognises(head: Head) -> bool:
    """Whether a file is such a log."""
    return head.form == CSV and {"Timestamp", "Model", "Log Type"} <= set(head.names)


def generate(params: Params, seed: int, block_size_tokens: int) -> Requests:
    """The requests of a log, with the model that was asked as tenant; none shares a prefix with another."""
    path = params.file
    header, pieces = csv_pieces(path, COLUMNS)
    parts: list[list[np.ndarray]] = [[], [], [], []]
    model, session = NameColumn(), NameColumn(empty_is_none=True)
    for first_row, columns in pieces:
        cells = dict(zip(header, columns, strict=True))
        times = float_column(path, COLUMNS[0], cells[COLUMNS[0]], 0, first_row, LATEST_US / US_PER_S)
        tokens = (int_column(path, name, cells[name], 0, first_row, LONGEST_TOKENS) for name in COLUMNS[2:5])
        for part, values in zip(parts, (times, *tokens), strict=True):
            part.append(values)
        model.extend(cells["Model"])
        session.extend(cells.get(SESSION_COLUMN, [""] * len(times)))
    times, prompts, outputs, totals = map(np.concatenate, parts)
    n, is_failed = len(times), outputs == 0
    is_kept = ~is_failed if params.failures == "drop" else np.ones(n, np.bool_)
    notes = []
    if n_failed := int(is_failed.sum()):
        what = {"drop": "left out (failures: keep would keep them)", "keep": "kept, without output"}[params.failures]
        notes.append(f"{n_failed} of {n} requests failed (no response) and are {what}")
    if not is_kept.any():
        raise ConfigError(f"{path} must hold a request that did not fail; all {n} have no response.")
    if n_wrong := int((totals != prompts + outputs).sum()):
        notes.append(f"{n_wrong} of {n} rows have total tokens that are not the sum; the parts are used")
    names = {"tenant": model, "session": session}
    log = Log(times * US_PER_S, prompts, outputs, columns=names, is_kept=is_kept, notes=tuple(notes))
    return replayed(log, params, seed, block_size_tokens)


def write(requests: Requests, path: Path) -> tuple[Loss, ...]:
    """Write requests as such a log; a tenant is a model, and the rounds of a session are in the order of arrival."""
    has_sessions = bool((requests.session >= 0).any())
    columns = [
        seconds(requests.arrival_us),
        *([names_of(requests.session, requests.sessions)] if has_sessions else []),
        names_of(requests.tenant, requests.tenants),
        requests.input_tokens.tolist(),
        requests.output_tokens.tolist(),
        (requests.input_tokens + requests.output_tokens).tolist(),
        ["API log"] * len(requests),
    ]
    with text_file(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow((COLUMNS[0], *([SESSION_COLUMN] if has_sessions else []), *COLUMNS[1:]))
        writer.writerows(zip(*columns, strict=True))
    n_silent = int((requests.output_tokens == 0).sum())
    why = "a response of 0 tokens counts as failed, and is left out unless failures: keep"
    return (*losses(requests, HOLDS), *([Loss("requests without output", n_silent, why)] if n_silent else []))
