"""Requests of Mooncake traces: times, lengths and one hash per block of 512 prompt tokens."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from blis.checks import check_int, check_number
from blis.errors import ConfigError
from blis.units import US_PER_MS
from blis.workload.chained_keys import csr_offsets
from blis.workload.prefix_keys import keys_of_hash_ids
from blis.workload.recorded import check_options, read_text
from blis.workload.requests import Requests
from blis.workload.table import requests_of, timeline

EXCERPT = Path(__file__).parent / "data" / "mooncake_fast25_synthetic_2000.jsonl.gz"
FIELDS = ("timestamp", "input_length", "output_length", "hash_ids")
HASH_BLOCK_TOKENS = 512  #: tokens behind one hash; Mooncake, FAST'25


@dataclass(frozen=True, slots=True)
class Params:
    """Which trace, and how fast it is replayed."""

    path: Path | None = None  #: JSON lines file, may be gzipped; None for the excerpt shipped with the package
    rate: float | None = None  #: > 0 [requests/s], time is scaled to this mean rate; None as recorded
    num_requests: int | None = None  #: ≥ 1, only the first ones; None for all

    @classmethod
    def from_mapping(cls, where: str, mapping: Mapping[str, object]) -> "Params":
        """Check the keys of `Params`."""
        return cls(**check_options(where, mapping, needs_path=False))


def generate(params: Params, seed: int, block_size_tokens: int) -> Requests:
    """Read the trace; its blocks of 512 tokens are mapped onto KV blocks of any size.

    Parameters
    ----------
    params : Params
    seed : int ≥ 0
        Not used: a trace has no randomness.
    block_size_tokens : int ≥ 1

    Returns
    -------
    Requests

    Raises
    ------
    ConfigError
        Naming the row and the field of a wrong value.
    """
    check_int("block_size_tokens", block_size_tokens, 1, unit="tokens")
    path = params.path or EXCERPT
    lines = [line for line in read_text(path).split("\n") if line.strip()]
    if not lines:
        raise ConfigError(f"{path} must hold at least one request; it is empty.")
    records = [_record(f"{path}, row {row}", line) for row, line in enumerate(lines)]
    times_ms, prompts, outputs, hash_ids = zip(*records, strict=True)

    line = timeline("workload", np.array(times_ms) * US_PER_MS, params.rate, params.num_requests)
    input_tokens = np.array(prompts, np.int64)[line.order]
    kept_ids = [hash_ids[row] for row in line.order]
    offsets = csr_offsets(np.fromiter(map(len, kept_ids), np.int64, len(kept_ids)))
    ids = np.fromiter(chain.from_iterable(kept_ids), np.int64, int(offsets[-1]))
    return requests_of(
        arrival_us=line.arrival_us,
        input_tokens=input_tokens,
        output_tokens=np.array(outputs, np.int64)[line.order],
        keys=keys_of_hash_ids(input_tokens, offsets, ids, block_size_tokens, HASH_BLOCK_TOKENS),
        block_size_tokens=block_size_tokens,
        number=line.order,
        notes=line.notes,
    )


def _record(where: str, line: str) -> tuple[float, int, int, list[int]]:
    """The four fields of a line: time [ms], prompt and output [tokens], hashes."""
    try:
        record: Any = json.loads(line)
    except json.JSONDecodeError as error:
        raise ConfigError(f"{where}: must be a JSON object; {error}.") from error
    if not isinstance(record, dict) or any(field not in record for field in FIELDS):
        missing = [field for field in FIELDS if not isinstance(record, dict) or field not in record]
        raise ConfigError(f"{where}: must be a JSON object with {', '.join(FIELDS)}; {', '.join(missing)} missing.")
    time_ms, n_input, n_output, ids = (record[field] for field in FIELDS)
    if type(time_ms) is not int or time_ms < 0:
        time_ms = check_number(f"{where}, field 'timestamp'", time_ms, 0, unit="ms")
    if type(n_input) is not int or n_input < 1:
        n_input = check_int(f"{where}, field 'input_length'", n_input, 1, unit="tokens")
    if type(n_output) is not int or n_output < 0:
        n_output = check_int(f"{where}, field 'output_length'", n_output, 0, unit="tokens")
    n_blocks = -(-n_input // HASH_BLOCK_TOKENS)
    if type(ids) is not list or len(ids) > n_blocks or not all(type(i) is int and abs(i) < 2**63 for i in ids):
        raise ConfigError(
            f"{where}, field 'hash_ids': must be a list of at most {n_blocks} ints, one per "
            f"{HASH_BLOCK_TOKENS} tokens of the prompt; got {str(ids)[:80]}."
        )
    return time_ms, n_input, n_output, ids
