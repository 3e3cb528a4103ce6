"""Mooncake traces: JSON lines of times, lengths and one hash per block of prompt tokens.

Also what Dynamo and AIPerf write in this form: rows without hashes, hashes of other blocks, and sessions whose rows
come a `delay` [ms] after the answer before them. A row is a whole prompt.
"""

import json
from array import array
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from blis.foundation.units import US_PER_MS
from blis.workload.logs.hashed_prompts import FIELD as HASHES
from blis.workload.logs.hashed_prompts import MOST_BLOCK_TOKENS, HashColumn, hashed
from blis.workload.logs.json_rows import Place, read_rows, time, tokens
from blis.workload.logs.log import Log, replayed
from blis.workload.logs.losses import Loss, losses
from blis.workload.logs.name_column import NameColumn
from blis.workload.logs.options import LogParams
from blis.workload.logs.recognition import JSON_LINES, Head
from blis.workload.logs.recorded import LATEST_US
from blis.workload.logs.session_times import session_times
from blis.workload.logs.text import text_file
from blis.workload.prefixes.chained_keys import MOONCAKE_BLOCK_TOKENS
from blis.workload.requests import Requests

EXCERPT = Path(__file__).parents[1] / "data" / "mooncake_fast25_synthetic_2000.jsonl.gz"
FIELDS = ("timestamp", "input_length", "output_length", HASHES)
SESSION_FIELDS = ("session_id", "delay")  #: optional; a later row of a session has a delay instead of a time [ms]
SUFFIXES = (".jsonl", ".jsonl.gz")  #: of written files
HOLDS = frozenset({"prefix sharing", "time before the first request"})  #: aspects that survive writing


@dataclass(frozen=True, slots=True, kw_only=True)
class Params(LogParams):
    """Options of a trace; without a path, the excerpt that is shipped."""

    needs_path = False
    counts: ClassVar = {**LogParams.counts, "hash_block_tokens": MOST_BLOCK_TOKENS}

    hash_block_tokens: int | None = None  #: ≥ 1 [tokens] behind one hash; None: 512, or what fits all rows


def recognises(head: Head) -> bool:
    """Whether a file is such a trace."""
    return head.form == JSON_LINES and FIELDS[1] in head.names and "chat_id" not in head.names


def generate(params: Params, seed: int, block_size_tokens: int) -> Requests:
    """The requests of a trace; nothing is drawn but the starts of a file that says no times."""
    path = params.path or EXCERPT
    hashes, session = HashColumn(), NameColumn(empty_is_none=True)
    times, delays, prompts, outputs = array("d"), array("d"), array("q"), array("q")
    names: list[str] = []

    def take(where: Place, record: dict[str, Any]) -> None:
        times.append(time(where, record, "timestamp", LATEST_US / US_PER_MS, "ms"))
        delays.append(time(where, record, "delay", LATEST_US / US_PER_MS, "ms"))
        prompts.append(tokens(where, record, "input_length"))
        outputs.append(tokens(where, record, "output_length"))
        hashes.append(where, record.get(HASHES))
        names.append(str(record.get("session_id") or ""))

    notes = read_rows(path, take, (*FIELDS, *SESSION_FIELDS))
    session.extend(names)
    input_tokens, output_tokens = np.array(prompts, np.int64), np.array(outputs, np.int64)
    index = session.labels(np.arange(len(names))).indices
    times_us, delay_us = (np.array(column) * US_PER_MS for column in (times, delays))
    come = session_times(params, seed, times_us, delay_us, index, output_tokens)
    hashed_prompts = hashes.prompts(path, input_tokens, MOONCAKE_BLOCK_TOKENS, params.hash_block_tokens)
    log = Log(
        times_us=come.times_us,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        keys=hashed_prompts.keys,
        columns={"session": session},
        after=come.after,
        think_us=come.think_us,
        notes=(*notes, *hashed_prompts.notes, *come.notes),
    )
    return replayed(log, params, seed, block_size_tokens)


def write(requests: Requests, path: Path) -> tuple[Loss, ...]:
    """Write requests as such a trace; hashes are made up, and equal where whole blocks of 512 tokens are."""
    made = hashed(requests, MOONCAKE_BLOCK_TOKENS)
    ids, end = made.ids.tolist(), 0
    rows = zip(*(column.tolist() for column in (requests.arrival_us, *made[:2], requests.output_tokens)), strict=True)
    with text_file(path) as file:
        for time_us, prompt, n_ids, output in rows:
            start, end = end, end + n_ids
            time_ms = time_us // US_PER_MS if time_us % US_PER_MS == 0 else time_us / US_PER_MS
            values = (time_ms, prompt, output, ids[start:end])
            file.write(json.dumps(dict(zip(FIELDS, values, strict=True))) + "\n")
    held = made.keys(np.arange(len(requests)), requests.block_size_tokens)
    before, after = np.diff(requests.key_offsets), np.diff(held.key_offsets)
    n_fewer = int((before != after).sum())
    why = (
        f"blocks of {MOONCAKE_BLOCK_TOKENS} prompt tokens are shared as a whole or not: {after.sum()} of "
        f"{before.sum()} shared blocks of {requests.block_size_tokens} are kept"
    )
    return (*losses(requests, HOLDS), *([Loss("part of the prefix sharing", n_fewer, why)] if n_fewer else []))
