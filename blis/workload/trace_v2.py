"""Requests of a version 2 trace: a YAML header and a CSV file of 22 columns; this file reads and writes both.

Prefix sharing. The format names a record's prefix group but not how much of the prompt is the group's text;
then it is the first 50 tokens of the recorded total. One optional column after the 22, `prefix_length`,
holds the true length; it is written when a request has a group.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from blis.checks import check_choice, check_int, check_keys, check_number, nearest
from blis.errors import ConfigError
from blis.units import BoolVector, Int64Vector
from blis.workload.labels import Labels, number_names
from blis.workload.prefix_keys import keys_of_groups
from blis.workload.recorded import (
    check_options,
    check_path,
    float_column,
    int_column,
    read_csv,
    refuse_cell,
)
from blis.workload.requests import Requests
from blis.workload.strict_yaml import read_yaml
from blis.workload.table import requests_of, timeline

COLUMNS = (
    *(
        "request_id",
        "client_id",
        "tenant_id",
        "slo_class",
        "session_id",
        "round_index",
        "prefix_group",
        "streaming",
    ),
    *(
        "input_tokens",
        "output_tokens",
        "text_tokens",
        "image_tokens",
        "audio_tokens",
        "video_tokens",
        "reason_ratio",
    ),
    *("arrival_time_us", "send_time_us", "first_chunk_time_us", "last_chunk_time_us", "num_chunks", "status"),
    "error_message",
)
PREFIX_COLUMN = "prefix_length"  #: optional, after the others
UNREAD_INT_COLUMNS = (
    *("text_tokens", "image_tokens", "audio_tokens", "video_tokens"),
    *("first_chunk_time_us", "last_chunk_time_us", "num_chunks"),
)
STATUSES = ("ok", "error", "timeout")
UNSAID_PREFIX_TOKENS = 50  #: of a group's text, where the trace does not say
_HEADER_KEYS = (
    *(
        "trace_version",
        "time_unit",
        "created_at",
        "mode",
        "warm_up_requests",
        "workload_spec",
        "server",
        "network",
    ),
)
_SERVER_INTS = ("tensor_parallel", "max_num_seqs", "block_size", "max_model_len")


@dataclass(frozen=True, slots=True)
class Params:
    """Which trace, and how fast it is replayed."""

    path: Path  #: header, a YAML file
    data_path: Path  #: CSV file; by default the header's name with .csv
    is_observed: bool  #: the header's mode is real: requests are replayed at their send times
    rate: float | None = None  #: > 0 [requests/s], time is scaled to this mean rate; None as recorded
    num_requests: int | None = None  #: ≥ 1, only the first ones; None for all

    @classmethod
    def from_mapping(cls, where: str, mapping: Mapping[str, object]) -> "Params":
        """Check the keys `path`, `data_path`, `rate` and `num_requests`, and the header."""
        options = check_options(where, mapping, more=("data_path",))
        data_path = options.pop("data_path", None) or options["path"].with_suffix(".csv")
        mode = _checked_header(options["path"])
        return cls(data_path=check_path(f"{where}.data_path", data_path), is_observed=mode == "real", **options)


def generate(params: Params, seed: int, block_size_tokens: int) -> Requests:
    """Read the records whose status is ok; the others are counted in the notes.

    Parameters
    ----------
    params : Params
    seed : int ≥ 0
        Not used: a trace has no randomness.
    block_size_tokens : int ≥ 1

    Returns
    -------
    Requests
        Times as recorded, not re-based; number = request_id.

    Raises
    ------
    ConfigError
        Naming the row (from 0) and the column of a wrong cell.
    """
    check_int("block_size_tokens", block_size_tokens, 1, unit="tokens")
    path = params.data_path
    cells = _columns(path)
    is_ok = _checked_unread(path, cells)
    if not is_ok.any():
        raise ConfigError(f"{path} must hold at least one record with status ok; all {len(is_ok)} have another.")
    numbers = {
        name: _kept_ints(path, name, cells, is_ok, least)
        for name, least in (("request_id", 0), ("round_index", 0), ("input_tokens", 1), ("output_tokens", 0))
    }
    times_us = _kept_ints(path, "send_time_us" if params.is_observed else "arrival_time_us", cells, is_ok, 0)
    group_names = _kept(cells["prefix_group"], is_ok)
    prefix_tokens = _prefix_tokens(path, cells, is_ok, group_names, numbers["input_tokens"])

    line = timeline("workload", times_us, params.rate, params.num_requests)
    numbers = {name: values[line.order] for name, values in numbers.items()}
    group = _labels(group_names, line.order, empty_is_none=True)
    prefix_tokens = prefix_tokens[line.order]
    lengths = numbers["input_tokens"], numbers["output_tokens"]
    n_left_out = int((~is_ok).sum())
    note = f"{n_left_out} of {len(is_ok)} records have a status other than ok and are left out"
    return requests_of(
        arrival_us=line.arrival_us,
        input_tokens=lengths[0],
        output_tokens=lengths[1],
        keys=keys_of_groups(*lengths, group.indices.astype(np.int64), prefix_tokens, block_size_tokens),
        block_size_tokens=block_size_tokens,
        number=numbers["request_id"],
        slo_class=_labels(_kept(cells["slo_class"], is_ok), line.order),
        tenant=_labels(_kept(cells["tenant_id"], is_ok), line.order),
        session=_labels(_kept(cells["session_id"], is_ok), line.order, empty_is_none=True),
        turn=numbers["round_index"].astype(np.int32),
        prefix_group=group,
        prefix_tokens=prefix_tokens,
        notes=((note,) if n_left_out else ()) + line.notes,
    )


def loses_prefixes(requests: Requests) -> bool:
    """Whether requests share prefixes in a way that the format cannot express: conversations, token ids, hashes."""
    held = keys_of_groups(
        requests.input_tokens,
        requests.output_tokens,
        requests.prefix_group.astype(np.int64),
        requests.prefix_tokens,
        requests.block_size_tokens,
    )
    return len(held.keys) != len(requests.keys)


def write(requests: Requests, header_path: str | Path, data_path: str | Path) -> None:
    """Write requests as a trace of mode `generated`, sent at their arrival.

    The format holds times, lengths, labels and prefix groups; conversations, token ids and block hashes
    are lost.

    Parameters
    ----------
    requests : Requests
    header_path, data_path : str or Path
        Files to write: YAML and CSV.
    """
    header = {"trace_version": 2, "time_unit": "us", "mode": "generated", "warm_up_requests": 0}
    Path(header_path).write_text(yaml.safe_dump(header, sort_keys=False), encoding="utf-8")
    has_groups = bool((requests.prefix_group >= 0).any())
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow((*COLUMNS, PREFIX_COLUMN) if has_groups else COLUMNS)
    n = len(requests)
    zeros, empty = [0] * n, [""] * n
    arrival_us = requests.arrival_us.tolist()
    columns = [
        *(requests.number.tolist(), empty, _names(requests.tenant, requests.tenants)),
        *(_names(requests.slo_class, requests.slo_classes), _names(requests.session, requests.sessions)),
        *(requests.round.tolist(), _names(requests.prefix_group, requests.prefix_groups), ["false"] * n),
        *(requests.input_tokens.tolist(), requests.output_tokens.tolist(), requests.input_tokens.tolist()),
        *(zeros, zeros, zeros, zeros, arrival_us, arrival_us, zeros, zeros, zeros, ["ok"] * n, empty),
        *([requests.prefix_tokens.tolist()] if has_groups else []),
    ]
    writer.writerows(zip(*columns, strict=True))
    Path(data_path).write_text(text.getvalue(), encoding="utf-8")


def _checked_header(path: Path) -> str:
    """Mode of a trace whose header is in order."""
    at = str(path)
    header = check_keys(at, read_yaml(path), _HEADER_KEYS, required=("trace_version", "mode"))
    check_int(f"{at}.trace_version", header["trace_version"], 1)
    if header.get("time_unit") is not None:
        check_choice(f"{at}.time_unit", header["time_unit"], ("us", "microseconds"))
    check_int(f"{at}.warm_up_requests", header.get("warm_up_requests", 0), 0)
    if header.get("server") is not None:
        names = ("type", "model", "gpu_memory_utilization", *_SERVER_INTS)
        server = check_keys(f"{at}.server", header["server"], names)
        for key in _SERVER_INTS:
            check_int(f"{at}.server.{key}", server.get(key, 0), 0)
        check_number(f"{at}.server.gpu_memory_utilization", server.get("gpu_memory_utilization", 0), 0, 1)
    if header.get("network") is not None:
        network = check_keys(f"{at}.network", header["network"], ("measured_rtt_ms",))
        check_number(f"{at}.network.measured_rtt_ms", network.get("measured_rtt_ms", 0), 0, unit="ms")
    return check_choice(f"{at}.mode", header["mode"], ("real", "generated"))


def _columns(path: Path) -> dict[str, Sequence[str]]:
    header, columns = read_csv(path)
    expected = (*COLUMNS, PREFIX_COLUMN)
    for position, name in enumerate(header):
        if position >= len(expected) or name != expected[position]:
            due = repr(expected[position]) if position < len(expected) else "absent"
            raise ConfigError(f"{path}: column {position} must be {due}; got {name!r}{nearest(name, expected)}")
    if len(header) < len(COLUMNS):
        raise ConfigError(f"{path} must have {len(COLUMNS)} columns; {COLUMNS[len(header)]!r} is missing.")
    return dict(zip(header, columns, strict=True))


def _checked_unread(path: Path, cells: dict[str, Sequence[str]]) -> BoolVector:
    """Whether each record's status is ok, the columns that have no effect checked too."""
    for name in UNREAD_INT_COLUMNS:
        int_column(path, name, cells[name])
    float_column(path, "reason_ratio", cells["reason_ratio"])
    for name, choices in (("streaming", ("true", "false")), ("status", STATUSES)):
        for row, cell in enumerate(cells[name]):
            if cell not in choices:
                refuse_cell(path, row, name, f"one of {', '.join(choices)}", cells[name])
    return np.array([cell == "ok" for cell in cells["status"]])


def _kept_ints(path: Path, name: str, cells: dict[str, Sequence[str]], is_ok: BoolVector, least: int) -> Int64Vector:
    """Numbers of the records that are kept; what is left out need only be numbers."""
    numbers = int_column(path, name, cells[name])
    is_wrong = is_ok & (numbers < least)
    if is_wrong.any():
        refuse_cell(path, int(is_wrong.argmax()), name, f"an int ≥ {least}", cells[name])
    return numbers[is_ok]


def _prefix_tokens(
    path: Path,
    cells: dict[str, Sequence[str]],
    is_ok: BoolVector,
    group_names: list[str],
    input_tokens: Int64Vector,
) -> Int64Vector:
    has_group = np.array([name != "" for name in group_names])
    if PREFIX_COLUMN not in cells:
        return np.where(has_group, np.minimum(UNSAID_PREFIX_TOKENS, input_tokens), 0)
    tokens = _kept_ints(path, PREFIX_COLUMN, cells, is_ok, 0)
    is_wrong = np.zeros(len(is_ok), np.bool_)
    is_wrong[is_ok] = (tokens > input_tokens) | ((tokens > 0) & ~has_group)
    if is_wrong.any():
        rule = "an int ≤ input_tokens, and 0 without a prefix_group"
        refuse_cell(path, int(is_wrong.argmax()), PREFIX_COLUMN, rule, cells[PREFIX_COLUMN])
    return tokens


def _kept(names: Sequence[str], is_ok: BoolVector) -> list[str]:
    return [name for name, ok in zip(names, is_ok, strict=True) if ok]


def _labels(names: list[str], order: Int64Vector, empty_is_none: bool = False) -> Labels:
    return number_names([names[row] for row in order], empty_is_none)


def _names(indices: Any, names: tuple[str, ...]) -> list[str]:
    return [names[index] if index >= 0 else "" for index in indices.tolist()]
