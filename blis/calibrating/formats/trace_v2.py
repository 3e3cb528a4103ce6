"""BLIS traces of mode `real`, as `python -m blis.observe` records them: header, CSV file, and the times of all chunks.

Beside the columns that a replay needs (`blis.workload.logs.trace_v2_records`), `http_status` says how a failed request
was answered, and NAME.chunks.jsonl has a line {"request_id", "times_us", "tokens"} for each request whose output came
piece by piece.
"""

import json
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from blis.calibrating.columns import by_sending, check_distinct, reasons
from blis.calibrating.measured_run import OK, STATUSES, UNKNOWN, Chunks, MeasuredRun
from blis.foundation.checks import check_int, check_keys, nearest
from blis.foundation.errors import ConfigError
from blis.foundation.files import is_file, text_lines
from blis.foundation.strict_yaml import read_yaml
from blis.foundation.units import Int64Vector
from blis.foundation.words import shown
from blis.workload.drawing.lengths import LONGEST_TOKENS
from blis.workload.kinds import trace_v2
from blis.workload.labels import Labels, number_names
from blis.workload.logs.recognition import Head
from blis.workload.logs.recorded import LATEST_US, csv_pieces, int_column, refuse_cell
from blis.workload.logs.trace_v2_records import (
    COLUMNS,
    NAME_COLUMNS,
    PREFIX_COLUMN,
    SERVER_COLUMN,
    UNREAD_COLUMNS,
    UNSAID_PREFIX_TOKENS,
)

#: Columns that only measured runs have.
OWN_COLUMNS = ("cached_tokens", "http_status")
_TIMES = ("arrival_time_us", "send_time_us", "first_chunk_time_us", "last_chunk_time_us")
_COUNTS = ("request_id", "input_tokens", "output_tokens", "num_chunks")
_TEXTS = ("slo_class", "session_id", "prefix_group", "streaming", "status", "error_message")


def recognises(head: Head) -> bool:
    """Whether a file is the header of such a trace."""
    return trace_v2.recognises(head)


def read(path: Path) -> list[MeasuredRun]:
    """The measured run of a trace, failed requests included.

    Raises
    ------
    ConfigError
        If the trace is of another mode, or something in it is wrong.
    """
    params = trace_v2.Params.from_mapping("real", {"path": path})  # checks the header
    header = read_yaml(path)
    if header.get("mode") != "real":
        raise ConfigError(
            f"{path}.mode must be 'real' for a comparison with a server; got {shown(header.get('mode'))}: nothing was "
            "measured there."
        )
    data_path = params.data_path or path.with_suffix(".csv")
    cells = _cells(data_path)
    numbers = {name: _ints(data_path, name, cells[name], LATEST_US) for name in _TIMES}
    numbers |= {name: _ints(data_path, name, cells[name], LATEST_US) for name in _COUNTS}
    n = len(numbers["send_time_us"])
    status = np.array([STATUSES.index(_word(data_path, cells, "status", row, STATUSES)) for row in range(n)], np.int64)
    ids = tuple(map(str, numbers["request_id"].tolist()))
    check_distinct(str(data_path), ids)
    is_real = status == OK
    _check_times(data_path, numbers, is_real)
    row = by_sending(numbers["send_time_us"])
    group = number_names(cells["prefix_group"], empty_is_none=True)
    prompts, n_by_server = _prompts(data_path, cells, numbers["input_tokens"], group)
    chunks = _chunks(path.with_suffix(".chunks.jsonl"), ids)
    server, network = header.get("server") or {}, header.get("network") or {}
    notes = [f"{n_by_server} of {n} prompts have the length that the server counted"] if n_by_server else []
    measured = MeasuredRun(
        name=path.stem,
        path=path,
        form="trace-v2",
        request_id=row.names(ids),
        sent_us=row.array(numbers["send_time_us"]),
        due_us=row.array(numbers["arrival_time_us"]),
        first_us=row.array(_known(numbers["first_chunk_time_us"], numbers["num_chunks"])),
        last_us=row.array(_known(numbers["last_chunk_time_us"], numbers["num_chunks"])),
        between_us=np.full(n, np.nan),
        input_tokens=row.array(prompts),
        output_tokens=row.array(numbers["output_tokens"]),
        status=row.array(status),
        reason=row.names(reasons(status, _messages(cells), "failed without a word")),
        streaming=row.array([_word(data_path, cells, "streaming", at, ("true", "false")) == "true" for at in range(n)]),
        slo_class=row.labels(number_names(cells["slo_class"])),
        session=row.labels(number_names(cells["session_id"], empty_is_none=True)),
        prefix_group=row.labels(group),
        prefix_tokens=row.array(_prefixes(data_path, cells, prompts, group)),
        model=row.labels(number_names(cells.get("model", [""] * n), empty_is_none=True)),
        adapter=row.labels(number_names(cells.get("adapter", [""] * n), empty_is_none=True)),
        chunks=row.chunks(chunks),
        warm_up_requests=int(header.get("warm_up_requests") or 0),
        rtt_ms=network.get("measured_rtt_ms") or None,
        n_rows=n,
        notes=(*notes, *_of_server(server)),
    )
    return [measured]


def _cells(path: Path) -> dict[str, list[str]]:
    """The columns as texts; every known column once, no other."""
    header, pieces = csv_pieces(path, COLUMNS)
    known = (*COLUMNS, PREFIX_COLUMN, SERVER_COLUMN, *NAME_COLUMNS, *UNREAD_COLUMNS, *OWN_COLUMNS)
    for position, name in enumerate(header):
        if name not in known:
            raise ConfigError(f"{path}: unknown column {shown(name)} at position {position}{nearest(name, known)}")
    columns: dict[str, list[str]] = {name: [] for name in header}
    for piece in pieces:
        for name, values in zip(header, piece.columns, strict=True):
            columns[name].extend(value.strip() if name != "error_message" else value for value in values)
    for name in OWN_COLUMNS:
        if name in columns:
            _ints(path, name, [cell or "0" for cell in columns[name]], LONGEST_TOKENS)
    return columns


def _ints(path: Path, name: str, cells: list[str], most: int) -> Int64Vector:
    return int_column(path, name, cells, 0, 0, most)


def _word(path: Path, cells: Mapping[str, list[str]], name: str, row: int, choices: tuple[str, ...]) -> str:
    if cells[name][row] not in choices:
        refuse_cell(path, row, name, f"one of {', '.join(choices)}", cells[name])
    return cells[name][row]


def _known(times_us: Int64Vector, n_chunks: Int64Vector) -> Int64Vector:
    """Times of requests that got a chunk; a time of 0 without one says that there was none."""
    return np.where(n_chunks > 0, times_us, UNKNOWN)


def _check_times(path: Path, numbers: Mapping[str, Int64Vector], is_ok: Any) -> None:
    """Refuse answers that end before they begin; those that begin before they were asked for are the pairing's."""
    wrong = is_ok & (numbers["last_chunk_time_us"] < numbers["first_chunk_time_us"])
    if wrong.any():
        row = int(wrong.argmax())
        cells = [str(value) for value in numbers["last_chunk_time_us"].tolist()]
        refuse_cell(path, row, "last_chunk_time_us", "an int ≥ first_chunk_time_us", cells)


def _messages(cells: Mapping[str, list[str]]) -> list[str]:
    """Why requests failed: the message, behind the status that the server gave."""
    messages = cells["error_message"]
    codes = cells.get("http_status", [""] * len(messages))
    return [
        f"HTTP {code}: {message}" if code not in ("", "0", "200") and f"HTTP {code}" not in message else message
        for code, message in zip(codes, messages, strict=True)
    ]


def _prompts(
    path: Path, cells: Mapping[str, list[str]], input_tokens: Int64Vector, group: Labels
) -> tuple[Int64Vector, int]:
    """Prompts as long as the server counted them, where it did and no group's text is part of them."""
    if SERVER_COLUMN not in cells:
        return input_tokens, 0
    counted = _ints(path, SERVER_COLUMN, [cell or "0" for cell in cells[SERVER_COLUMN]], LONGEST_TOKENS)
    is_other = (counted > 0) & (counted != input_tokens) & (group.indices < 0)
    return np.where(is_other, counted, input_tokens), int(is_other.sum())


def _prefixes(path: Path, cells: Mapping[str, list[str]], prompts: Int64Vector, group: Labels) -> Int64Vector:
    """Leading tokens of each prompt that are its group's text."""
    has_group = group.indices >= 0
    if PREFIX_COLUMN not in cells:
        return np.where(has_group, np.minimum(UNSAID_PREFIX_TOKENS, prompts), 0)
    tokens = _ints(path, PREFIX_COLUMN, [cell or "0" for cell in cells[PREFIX_COLUMN]], LONGEST_TOKENS)
    wrong = (tokens > prompts) | ((tokens > 0) & ~has_group)
    if wrong.any():
        rule = "an int ≤ input_tokens, and 0 without a prefix_group"
        refuse_cell(path, int(wrong.argmax()), PREFIX_COLUMN, rule, cells[PREFIX_COLUMN])
    return tokens


def _chunks(path: Path, ids: tuple[str, ...]) -> Chunks | None:
    """What came when; None where the run has no such file."""
    if not is_file(path):
        return None
    row_of = {one: row for row, one in enumerate(ids)}
    times: list[list[int]] = [[] for _ in ids]
    tokens: list[list[int]] = [[] for _ in ids]
    for number, text in text_lines(path):
        where = f"{path}, line {number}"
        try:
            record = check_keys(where, json.loads(text), ("request_id", "times_us", "tokens"), ("request_id",))
        except ValueError as error:
            if isinstance(error, ConfigError):
                raise
            raise ConfigError(f"{where}: must be a JSON object; {error}.") from error
        row = row_of.pop(str(record["request_id"]), None)
        if row is None:
            raise ConfigError(
                f"{where}: request_id must be one of the trace's, once; got {shown(record['request_id'])}."
            )
        times[row], tokens[row] = _line(where, record.get("times_us", []), record.get("tokens", []))
    offsets = np.concatenate([[0], np.cumsum([len(one) for one in times])]).astype(np.int64)
    flat = [np.array([value for one in lists for value in one], np.int64) for lists in (times, tokens)]
    return Chunks(offsets, *flat)


def _line(where: str, times: object, tokens: object) -> tuple[list[int], list[int]]:
    if not isinstance(times, list) or not isinstance(tokens, list) or len(times) != len(tokens):
        raise ConfigError(f"{where}: times_us and tokens must be lists of one length.")
    checked = [check_int(f"{where}, times_us[{k}]", time, 0, LATEST_US, "µs") for k, time in enumerate(times)]
    if any(later < earlier for earlier, later in pairwise(checked)):
        raise ConfigError(f"{where}: times_us must not fall.")
    return checked, [check_int(f"{where}, tokens[{k}]", one, 0, LONGEST_TOKENS) for k, one in enumerate(tokens)]


def _of_server(server: Mapping[str, Any]) -> tuple[str, ...]:
    """What the run says of its server, for whoever chooses the cluster."""
    said = ", ".join(f"{key} {value}" for key, value in server.items() if value not in (None, "", 0))
    return (f"the run says of its server: {said}",) if said else ()
