"""Requests of a version 2 trace: a YAML header and a CSV file of 22 columns; this file reads and writes both.

Prefix sharing. The format names a record's prefix group but not how much of the prompt is the group's text;
then it is the first 50 tokens of the recorded total. One optional column after the 22, `prefix_length`,
holds the true length; it is written when a request has a group.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from blis.foundation.checks import check_choice, check_int, check_keys, check_number
from blis.foundation.files import check_path
from blis.foundation.strict_yaml import read_yaml
from blis.workload.logs.recorded import check_options
from blis.workload.logs.trace_v2_records import COLUMNS, PREFIX_COLUMN, read_records
from blis.workload.prefixes.keys import keys_of_groups
from blis.workload.requests import Requests
from blis.workload.table import requests_of, timeline

__all__ = ["COLUMNS", "Params", "generate", "loses_prefixes", "write"]

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
    records = read_records(params.data_path)
    times_us = records.numbers["send_time_us" if params.is_observed else "arrival_time_us"]
    line = timeline("workload", times_us, params.rate, params.num_requests)
    numbers = {name: values[line.order] for name, values in records.numbers.items()}
    names = {name: column.labels(line.order) for name, column in records.names.items()}
    lengths = numbers["input_tokens"], numbers["output_tokens"]
    group, prefix_tokens = names["prefix_group"], records.prefix_tokens[line.order]
    n_left_out = records.n_left_out
    note = f"{n_left_out} of {n_left_out + len(times_us)} records have a status other than ok and are left out"
    return requests_of(
        arrival_us=line.arrival_us,
        input_tokens=lengths[0],
        output_tokens=lengths[1],
        keys=keys_of_groups(*lengths, group.indices.astype(np.int64), prefix_tokens, block_size_tokens),
        block_size_tokens=block_size_tokens,
        number=numbers["request_id"],
        slo_class=names["slo_class"],
        tenant=names["tenant_id"],
        session=names["session_id"],
        turn=numbers["round_index"].astype(np.int32),
        prefix_group=group,
        prefix_tokens=prefix_tokens,
        image_tokens=numbers["image_tokens"],
        audio_tokens=numbers["audio_tokens"],
        video_tokens=numbers["video_tokens"],
        reason_ratio=records.reason_ratio[line.order],
        streaming=records.is_streaming[line.order],
        client=names["client_id"],
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

    The format holds times, lengths, labels and prefix groups; conversations, token ids, block hashes, networks and
    closed loops are lost.

    Parameters
    ----------
    requests : Requests
    header_path, data_path : str or Path
        Files to write: YAML and CSV.
    """
    header = {"trace_version": 2, "time_unit": "us", "mode": "generated", "warm_up_requests": 0}
    Path(header_path).write_text(yaml.safe_dump(header, sort_keys=False), encoding="utf-8")
    has_groups = bool((requests.prefix_group >= 0).any())
    n = len(requests)
    zeros, empty = [0] * n, [""] * n
    arrival_us = requests.arrival_us.tolist()
    columns: list[Sequence[object]] = [
        *(requests.number.tolist(), _names(requests.client, requests.clients)),
        *(_names(requests.tenant, requests.tenants), _names(requests.slo_class, requests.slo_classes)),
        *(_names(requests.session, requests.sessions), requests.round.tolist()),
        _names(requests.prefix_group, requests.prefix_groups),
        ["true" if streams else "false" for streams in requests.streaming.tolist()],
        *(requests.input_tokens.tolist(), requests.output_tokens.tolist(), requests.text_tokens.tolist()),
        *(requests.image_tokens.tolist(), requests.audio_tokens.tolist(), requests.video_tokens.tolist()),
        [repr(ratio) if ratio % 1 else int(ratio) for ratio in requests.reason_ratio.tolist()],
        *(arrival_us, arrival_us, zeros, zeros, zeros, ["ok"] * n, empty),
        *([requests.prefix_tokens.tolist()] if has_groups else []),
    ]
    with Path(data_path).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow((*COLUMNS, PREFIX_COLUMN) if has_groups else COLUMNS)
        writer.writerows(zip(*columns, strict=True))


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


def _names(indices: Any, names: tuple[str, ...]) -> list[str]:
    return [names[index] if index >= 0 else "" for index in indices.tolist()]
