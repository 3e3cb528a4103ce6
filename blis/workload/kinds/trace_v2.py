"""BLIS traces of version 1 to 3: a YAML header, and beside it a CSV file with labels and prefix groups.

Prefix sharing. Before version 3 the format names a record's prefix group but not how much of the prompt is the group's
text; then it is the first 50 tokens of the recorded total. One optional column, `prefix_length`, holds the true length;
it is written, in version 2, when a request has a group.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
import yaml

from blis.foundation.checks import check_choice, check_int, check_keys, check_number
from blis.foundation.files import check_path
from blis.foundation.strict_yaml import read_yaml
from blis.foundation.units import Int64Vector
from blis.workload.logs.log import Log, replayed
from blis.workload.logs.losses import ASPECTS, Loss, losses
from blis.workload.logs.options import LogParams
from blis.workload.logs.recognition import YAML, Head
from blis.workload.logs.text import names_of
from blis.workload.logs.trace_v2_records import COLUMNS, MODALITY_COLUMNS, NAME_COLUMNS, PREFIX_COLUMN, read_records
from blis.workload.prefixes.keys import PrefixKeys, keys_of_groups
from blis.workload.requests import Requests

NEWEST_VERSION = 3
SUFFIXES = (".yaml", ".yml")  #: of written files
HOLDS = frozenset(ASPECTS) - {"closed loop", "networks"}  #: aspects that survive writing
_HEADER_KEYS = (
    *("trace_version", "time_unit", "created_at", "mode", "warm_up_requests", "workload_spec", "server", "network"),
    *("workload_seed", "goodput_slo_targets"),  # since version 3
)
_SERVER_INTS = ("tensor_parallel", "max_num_seqs", "block_size", "max_model_len", "kv_blocks")
#: Labels of a record, and the columns of requests that hold them.
_LABELS = {
    "slo_class": "slo_class",
    "tenant_id": "tenant",
    "session_id": "session",
    "prefix_group": "prefix_group",
    "client_id": "client",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Params(LogParams):
    """Options of a trace; the path is that of its header."""

    data_path: Path | None = None  #: CSV file; None for the header's name with .csv

    def completed(self, where: str) -> Self:
        """Find the data, and check the header."""
        _mode(self.file)
        return replace(self, data_path=check_path(f"{where}.data_path", self.data_path or _data_path(self.file)))


def recognises(head: Head) -> bool:
    """Whether a file is the header of such a trace."""
    return head.form == YAML and "trace_version" in head.names


def files(path: Path) -> tuple[Path, ...]:
    """The files of a trace whose header is `path`."""
    return path, _data_path(path)


def generate(params: Params, seed: int, block_size_tokens: int) -> Requests:
    """The requests whose status is ok; the others are counted in the notes."""
    records = read_records(params.data_path or _data_path(params.file))
    numbers, prefix_tokens = records.numbers, records.prefix_tokens
    group = records.names["prefix_group"]
    lengths = numbers["input_tokens"], numbers["output_tokens"]
    n = len(prefix_tokens)
    notes = []
    if records.n_left_out:
        n_left_out = records.n_left_out
        notes.append(f"{n_left_out} of {n_left_out + n} records have a status other than ok and are left out")
    if records.n_by_server:
        notes.append(
            f"{records.n_by_server} of {n} prompts have the length that the server counted (server_input_tokens)"
        )

    def keys(rows: Int64Vector, block_size: int) -> PrefixKeys:
        labels = group.labels(rows).indices.astype(np.int64)
        return keys_of_groups(lengths[0][rows], lengths[1][rows], labels, prefix_tokens[rows], block_size)

    log = Log(
        numbers["send_time_us" if _mode(params.file) == "real" else "arrival_time_us"],
        *lengths,
        keys=keys,
        columns={
            **{column: records.names[label] for label, column in _LABELS.items()},
            **{name: records.names[name] for name in NAME_COLUMNS if name in records.names},
            **{name: numbers[name] for name in MODALITY_COLUMNS},
            "number": numbers["request_id"],
            "turn": numbers["round_index"],
            "prefix_tokens": prefix_tokens,
            "reason_ratio": records.reason_ratio,
            "streaming": records.is_streaming,
        },
        notes=tuple(notes),
    )
    return replayed(log, params, seed, block_size_tokens)


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


def write(requests: Requests, path: Path) -> tuple[Loss, ...]:
    """Write requests as a trace of version 2 and mode `generated`, sent at their arrival."""
    header = {"trace_version": 2, "time_unit": "us", "mode": "generated", "warm_up_requests": 0}
    path.write_text(yaml.safe_dump(header, sort_keys=False), encoding="utf-8")
    has_groups = bool((requests.prefix_group >= 0).any())
    named = {"model": (requests.model, requests.models), "adapter": (requests.adapter, requests.adapters)}
    named = {name: column for name, column in named.items() if (column[0] >= 0).any()}
    n = len(requests)
    zeros, empty = [0] * n, [""] * n
    arrival_us = requests.arrival_us.tolist()
    columns: list[Sequence[object]] = [
        *(requests.number.tolist(), names_of(requests.client, requests.clients)),
        *(names_of(requests.tenant, requests.tenants), names_of(requests.slo_class, requests.slo_classes)),
        *(names_of(requests.session, requests.sessions), requests.round.tolist()),
        names_of(requests.prefix_group, requests.prefix_groups),
        ["true" if streams else "false" for streams in requests.streaming.tolist()],
        *(requests.input_tokens.tolist(), requests.output_tokens.tolist(), requests.text_tokens.tolist()),
        *(requests.image_tokens.tolist(), requests.audio_tokens.tolist(), requests.video_tokens.tolist()),
        [repr(ratio) if ratio % 1 else int(ratio) for ratio in requests.reason_ratio.tolist()],
        *(arrival_us, arrival_us, zeros, zeros, zeros, ["ok"] * n, empty),
        *([requests.prefix_tokens.tolist()] if has_groups else []),
        *(names_of(*column) for column in named.values()),
    ]
    with _data_path(path).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow((*COLUMNS, *([PREFIX_COLUMN] if has_groups else []), *named))
        writer.writerows(zip(*columns, strict=True))
    if not loses_prefixes(requests):
        return losses(requests, HOLDS)
    n_sharing = int((np.diff(requests.key_offsets) > 0).sum())
    why = "the format has groups that begin alike, not conversations, token ids or block hashes"
    return (*losses(requests, HOLDS), Loss("part of the prefix sharing", n_sharing, why))


def _data_path(header: Path) -> Path:
    return header.with_suffix(".csv")


def _mode(path: Path) -> str:
    """Mode of a trace whose header is in order: real, generated or replayed."""
    at = str(path)
    document = read_yaml(path)
    if isinstance(document, Mapping) and "trace_version" in document:  # before keys that only another version has
        check_int(f"{at}.trace_version", document["trace_version"], 1, NEWEST_VERSION)
    header = check_keys(at, document, _HEADER_KEYS, required=("trace_version", "mode"))
    if header.get("time_unit") is not None:
        check_choice(f"{at}.time_unit", header["time_unit"], ("us", "microseconds"))
    check_int(f"{at}.warm_up_requests", header.get("warm_up_requests", 0), 0)
    if header.get("server") is not None:
        names = ("type", "version", "model", "gpu_memory_utilization", *_SERVER_INTS)
        server = check_keys(f"{at}.server", header["server"], names)
        for key in _SERVER_INTS:
            check_int(f"{at}.server.{key}", server.get(key, 0), 0)
        check_number(f"{at}.server.gpu_memory_utilization", server.get("gpu_memory_utilization", 0), 0, 1)
    if header.get("network") is not None:
        network = check_keys(f"{at}.network", header["network"], ("measured_rtt_ms",))
        check_number(f"{at}.network.measured_rtt_ms", network.get("measured_rtt_ms", 0), 0, unit="ms")
    return check_choice(f"{at}.mode", header["mode"], ("real", "generated", "replayed"))
