"""Requests of a CSV file with literal token ids: arrivals in seconds, prompts and outputs as JSON lists."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, pairwise
from pathlib import Path

import numpy as np

from blis.foundation.checks import check_int
from blis.foundation.errors import ConfigError
from blis.foundation.units import US_PER_S, Float64Vector, Int64Vector
from blis.workload.logs.recorded import check_options, csv_pieces, float_column, refuse_cell
from blis.workload.prefixes.keys import keys_of_tokens
from blis.workload.requests import Requests
from blis.workload.table import requests_of, timeline

ARRIVAL, PROMPT, OUTPUT = 0, 3, 4  #: columns that are read; their names are free, and others are passed over
LEAST_COLUMNS = 5


@dataclass(frozen=True, slots=True)
class Params:
    """Which file, and how fast it is replayed."""

    path: Path  #: CSV file with a header, may be gzipped
    rate: float | None = None  #: > 0 [requests/s], time is scaled to this mean rate; None as recorded
    num_requests: int | None = None  #: ≥ 1, only the first ones; None for all

    @classmethod
    def from_mapping(cls, where: str, mapping: Mapping[str, object]) -> "Params":
        """Check the keys of `Params`."""
        return cls(**check_options(where, mapping))


def generate(params: Params, seed: int, block_size_tokens: int) -> Requests:
    """Read the file; rows may be out of order, and times are rounded to the nearest microsecond.

    Parameters
    ----------
    params : Params
    seed : int ≥ 0
        Not used: a file has no randomness.
    block_size_tokens : int ≥ 1

    Returns
    -------
    Requests

    Raises
    ------
    ConfigError
        Naming the row (from 0) and the column of a wrong cell.
    """
    check_int("block_size_tokens", block_size_tokens, 1, unit="tokens")
    path = params.path
    header, pieces = csv_pieces(path)
    if header and len(header) < LEAST_COLUMNS:
        raise ConfigError(f"{path} must have at least {LEAST_COLUMNS} columns; got {len(header)}: {', '.join(header)}.")
    times: list[Float64Vector] = []
    prompts: list[Int64Vector] = []
    outputs: list[Int64Vector] = []
    for first_row, columns in pieces:
        times.append(float_column(path, header[ARRIVAL], columns[ARRIVAL], 0.0, first_row))
        prompts += _token_lists(path, header[PROMPT], columns[PROMPT], 1, first_row)
        outputs += _token_lists(path, header[OUTPUT], columns[OUTPUT], 0, first_row)
    seconds = np.concatenate(times)

    line = timeline("workload", seconds * US_PER_S, params.rate, params.num_requests)
    prompts, outputs = [prompts[row] for row in line.order], [outputs[row] for row in line.order]
    return requests_of(
        arrival_us=line.arrival_us,
        input_tokens=np.fromiter(map(len, prompts), np.int64, len(prompts)),
        output_tokens=np.fromiter(map(len, outputs), np.int64, len(outputs)),
        keys=keys_of_tokens(prompts, outputs, block_size_tokens),
        block_size_tokens=block_size_tokens,
        number=line.order,
        notes=line.notes,
    )


def _token_lists(path: Path, name: str, cells: Sequence[str], least: int, first_row: int) -> list[Int64Vector]:
    """The ids in each cell: read all at once, and one by one to find a wrong cell."""
    lists = _lists_at_once(cells, least)
    if lists is not None:
        return lists
    rule = f"a JSON list of at least {least} token ids (ints ≥ 0)"
    return [
        ids if (ids := _token_ids(cell, least)) is not None else refuse_cell(path, at, name, rule, cells, first_row)
        for at, cell in enumerate(cells)
    ]


def _lists_at_once(cells: Sequence[str], least: int) -> list[Int64Vector] | None:
    """The ids in each cell, as parts of one array; None if a cell may be wrong."""
    if not all(cell[:1] == "[" and cell[-1:] == "]" and cell.count("[") == 1 for cell in cells):
        return None
    try:
        lists = json.loads(f"[{','.join(cells)}]")
        flat = list(chain.from_iterable(lists))
        ids = np.array(flat, np.int64) if set(map(type, flat)) <= {int} else np.array([-1])
    except (json.JSONDecodeError, OverflowError):
        return None
    lengths = list(map(len, lists))
    if len(lists) != len(cells) or min(lengths) < least or (ids < 0).any():
        return None
    bounds = accumulate(lengths, initial=0)
    return [ids[start:end] for start, end in pairwise(bounds)]


def _token_ids(cell: str, least: int) -> Int64Vector | None:
    """The ids in a cell, or None if it does not hold any."""
    try:
        listed = json.loads(cell)
    except (json.JSONDecodeError, RecursionError):
        return None
    if not isinstance(listed, list) or len(listed) < least or not set(map(type, listed)) <= {int}:
        return None
    try:
        ids = np.array(listed, np.int64)
    except OverflowError:
        return None
    return None if (ids < 0).any() else ids
