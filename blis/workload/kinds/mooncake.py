"""Requests of Mooncake traces: times, lengths and one hash per block of 512 prompt tokens."""

import json
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from blis.foundation.checks import check_int, check_number
from blis.foundation.errors import ConfigError
from blis.foundation.files import text_lines
from blis.foundation.units import US_PER_MS
from blis.workload.drawing.lengths import LONGEST_TOKENS
from blis.workload.logs.recorded import check_options
from blis.workload.prefixes.chained_keys import csr_offsets
from blis.workload.prefixes.keys import keys_of_hash_ids
from blis.workload.requests import Requests
from blis.workload.table import requests_of, timeline

EXCERPT = Path(__file__).parents[1] / "data" / "mooncake_fast25_synthetic_2000.jsonl.gz"
FIELDS = ("timestamp", "input_length", "output_length", "hash_ids")
HASH_BLOCK_TOKENS = 512  #: tokens behind one hash; Mooncake, FAST'25

_fields = itemgetter(*FIELDS)


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
    times_ms, prompts, outputs = array("d"), array("q"), array("q")
    n_ids, ids = array("q"), array("q")
    for row, (number, text) in enumerate(text_lines(path)):
        try:
            time_ms, n_input, n_output, hash_ids = _record(_Place(path, row), text)
        except ConfigError as error:
            raise ConfigError(f"{error} See line {number}.") from error
        times_ms.append(time_ms)
        prompts.append(n_input)
        outputs.append(n_output)
        n_ids.append(len(hash_ids))
        ids.extend(hash_ids)
    if not times_ms:
        raise ConfigError(f"{path} must hold at least one request; it is empty.")

    line = timeline("workload", np.array(times_ms) * US_PER_MS, params.rate, params.num_requests)
    input_tokens = np.array(prompts, np.int64)[line.order]
    starts, lengths = csr_offsets(np.array(n_ids))[line.order], np.array(n_ids)[line.order]
    offsets = csr_offsets(lengths)
    kept_ids = np.array(ids)[np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], lengths)]
    return requests_of(
        arrival_us=line.arrival_us,
        input_tokens=input_tokens,
        output_tokens=np.array(outputs, np.int64)[line.order],
        keys=keys_of_hash_ids(input_tokens, offsets, kept_ids, block_size_tokens, HASH_BLOCK_TOKENS),
        block_size_tokens=block_size_tokens,
        number=line.order,
        notes=line.notes,
    )


class _Place(NamedTuple):
    """A line of the file, put into words only when it is wrong."""

    path: Path
    row: int

    def __str__(self) -> str:
        return f"{self.path}, row {self.row}"


def _record(where: _Place, line: str) -> tuple[float, int, int, list[int]]:
    """The four fields of a line: time [ms], prompt and output [tokens], hashes."""
    try:
        record: Any = json.loads(line.rstrip())
    except json.JSONDecodeError as error:
        raise ConfigError(f"{where}: must be a JSON object; {error.msg} at column {error.colno}.") from error
    except RecursionError as error:
        raise ConfigError(f"{where}: must be a JSON object; it is nested too deeply.") from error
    try:
        time_ms, n_input, n_output, ids = _fields(record)
    except (KeyError, TypeError, IndexError) as error:
        missing = [field for field in FIELDS if not isinstance(record, dict) or field not in record]
        raise ConfigError(
            f"{where}: must be a JSON object with {', '.join(FIELDS)}; {', '.join(missing)} missing."
        ) from error
    if type(time_ms) is not int or time_ms < 0:
        time_ms = check_number(f"{where}, field 'timestamp'", time_ms, 0, unit="ms")
    if type(n_input) is not int or n_input < 1:
        n_input = check_int(f"{where}, field 'input_length'", n_input, 1, unit="tokens")
    if type(n_output) is not int or n_output < 0:
        n_output = check_int(f"{where}, field 'output_length'", n_output, 0, unit="tokens")
    for field, tokens in zip(FIELDS[1:3], (n_input, n_output), strict=True):
        if tokens > LONGEST_TOKENS:
            check_int(f"{where}, field {field!r}", tokens, maximum=LONGEST_TOKENS, unit="tokens")
    n_blocks = -(-n_input // HASH_BLOCK_TOKENS)
    if type(ids) is not list or len(ids) > n_blocks or not _are_ids(ids):
        raise ConfigError(
            f"{where}, field 'hash_ids': must be a list of at most {n_blocks} ints, one per "
            f"{HASH_BLOCK_TOKENS} tokens of the prompt; got {str(ids)[:80]}."
        )
    return time_ms, n_input, n_output, ids


def _are_ids(ids: list[Any]) -> bool:
    """Whether all are ints of 64 bits."""
    return not ids or (set(map(type, ids)) == {int} and min(ids) >= -(2**63) and max(ids) < 2**63)
