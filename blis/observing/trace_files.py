"""The trace of an observation: a header and a CSV as `blis.workload.kinds.trace_v2` reads them, and the chunks' times.

Every request of the workload has a row, in the order of its arrival. Beside the columns of version 2 stand those of
version 3 that are known, and two more: `cached_tokens`, empty where the server does not say, and `http_status`.
"""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from blis.observing.observation import Observation
from blis.workload.logs.text import names_of
from blis.workload.logs.trace_v2_records import COLUMNS, PREFIX_COLUMN, SERVER_COLUMN
from blis.workload.requests import Requests

NAME = "trace"
CHUNKS_SUFFIX = ".chunks.jsonl"


def write_trace(
    folder: Path, requests: Requests, observations: Sequence[Observation], server: Mapping[str, Any], created_at: str
) -> None:
    """Write trace.yaml, trace.csv and trace.chunks.jsonl into a folder.

    Parameters
    ----------
    folder : Path
    requests : Requests
    observations : sequence of Observation
        One for each request, in its order.
    server : mapping
        What the header says of the server.
    created_at : str
        When the run began.
    """
    header = {
        "trace_version": 2,
        "time_unit": "us",
        "created_at": created_at,
        "mode": "real",
        "warm_up_requests": 0,
        "server": dict(server),
    }
    (folder / f"{NAME}.yaml").write_text(yaml.safe_dump(header, sort_keys=False), encoding="utf-8")
    columns = {**_workload_columns(requests), **_observed_columns(observations)}
    first = [name for name in COLUMNS if name in columns]
    names = [*first, *(name for name in columns if name not in first)]
    with (folder / f"{NAME}.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(names)
        writer.writerows(zip(*(columns[name] for name in names), strict=True))
    with (folder / f"{NAME}{CHUNKS_SUFFIX}").open("w", encoding="utf-8") as file:
        for one in observations:
            line = {"request_id": one.number, "times_us": one.times_us, "tokens": one.tokens}
            file.write(json.dumps(line, separators=(",", ":")) + "\n")


def _workload_columns(requests: Requests) -> dict[str, Sequence[object]]:
    columns: dict[str, Sequence[object]] = {
        "request_id": requests.number.tolist(),
        "client_id": names_of(requests.client, requests.clients),
        "tenant_id": names_of(requests.tenant, requests.tenants),
        "slo_class": names_of(requests.slo_class, requests.slo_classes),
        "session_id": names_of(requests.session, requests.sessions),
        "round_index": requests.round.tolist(),
        "prefix_group": names_of(requests.prefix_group, requests.prefix_groups),
        "text_tokens": requests.text_tokens.tolist(),
        "image_tokens": requests.image_tokens.tolist(),
        "audio_tokens": requests.audio_tokens.tolist(),
        "video_tokens": requests.video_tokens.tolist(),
        "reason_ratio": [repr(ratio) if ratio % 1 else int(ratio) for ratio in requests.reason_ratio.tolist()],
    }
    if (requests.prefix_group >= 0).any():
        columns[PREFIX_COLUMN] = requests.prefix_tokens.tolist()
    for name, indices, tabled in (
        ("model", requests.model, requests.models),
        ("adapter", requests.adapter, requests.adapters),
    ):
        if (indices >= 0).any():
            columns[name] = names_of(indices, tabled)
    return columns


def _observed_columns(observations: Sequence[Observation]) -> dict[str, Sequence[object]]:
    return {
        "streaming": ["true" if one.streamed else "false" for one in observations],
        "input_tokens": [one.asked_prompt_tokens for one in observations],
        "output_tokens": [one.output_tokens for one in observations],
        "arrival_time_us": [one.arrival_us for one in observations],
        "send_time_us": [one.send_us for one in observations],
        "first_chunk_time_us": [one.first_us for one in observations],
        "last_chunk_time_us": [one.last_us for one in observations],
        "num_chunks": [len(one.times_us) for one in observations],
        "status": [one.status for one in observations],
        "error_message": [one.message for one in observations],
        SERVER_COLUMN: [one.prompt_tokens for one in observations],
        "finish_reason": [one.finish_reason for one in observations],
        "cached_tokens": ["" if one.cached_tokens is None else one.cached_tokens for one in observations],
        "http_status": [one.http_status for one in observations],
    }
