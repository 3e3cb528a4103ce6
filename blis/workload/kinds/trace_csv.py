"""CSV files with literal token ids: arrivals in seconds, prompts and outputs as JSON lists."""

import json
from collections.abc import Sequence
from contextlib import suppress
from itertools import accumulate, chain, pairwise
from pathlib import Path

import numpy as np

from blis.foundation.errors import ConfigError
from blis.foundation.units import US_PER_S, Float64Vector, Int64Vector
from blis.foundation.words import listed
from blis.workload.logs.log import Log, replayed
from blis.workload.logs.losses import Loss, losses
from blis.workload.logs.options import LogParams
from blis.workload.logs.recognition import CSV, Head
from blis.workload.logs.recorded import LATEST_US, csv_pieces, float_column, refuse_cell
from blis.workload.logs.text import seconds, text_file
from blis.workload.prefixes.keys import PrefixKeys, keys_of_tokens
from blis.workload.requests import Requests

COLUMNS = ("arrival_time", "input_length", "output_length", "input_tokens", "output_tokens")  #: as written
ARRIVAL, PROMPT, OUTPUT = 0, 3, 4  #: columns that are read, whatever their names; others are passed over
SUFFIXES = ()  #: of written files; .csv means several formats
HOLDS = frozenset({"prefix sharing", "time before the first request"})  #: aspects that survive writing

Params = LogParams


def recognises(head: Head) -> bool:
    """Whether a file is such a log."""
    return head.form == CSV and len(head.names) > OUTPUT and head.first[PROMPT].startswith("[")


def generate(params: LogParams, seed: int, block_size_tokens: int) -> Requests:
    """The requests of a file; they share prefixes as their token ids do."""
    path = params.file
    header, pieces = csv_pieces(path)
    if header and len(header) <= OUTPUT:
        raise ConfigError(f"{path} must have at least {OUTPUT + 1} columns; got {len(header)}: {listed(header)}.")
    times: list[Float64Vector] = []
    prompts: list[Int64Vector] = []
    outputs: list[Int64Vector] = []
    for first_row, columns in pieces:
        latest_s = LATEST_US / US_PER_S
        times.append(float_column(path, header[ARRIVAL], columns[ARRIVAL], 0, first_row, latest_s))
        prompts += _token_lists(path, header[PROMPT], columns[PROMPT], first_row)
        outputs += _token_lists(path, header[OUTPUT], columns[OUTPUT], first_row)

    def keys(rows: Int64Vector, block_size: int) -> PrefixKeys:
        return keys_of_tokens([prompts[row] for row in rows], [outputs[row] for row in rows], block_size)

    n_input, n_output = (np.fromiter(map(len, lists), np.int64, len(lists)) for lists in (prompts, outputs))
    return replayed(Log(np.concatenate(times) * US_PER_S, n_input, n_output, keys), params, seed, block_size_tokens)


def write(requests: Requests, path: Path) -> tuple[Loss, ...]:
    """Write requests as such a file; token ids are made up, and equal where shared blocks are."""
    block = requests.block_size_tokens
    next_own = requests.n_keys * block
    with text_file(path) as file:
        file.write(",".join(COLUMNS) + "\n")
        for row, time in enumerate(seconds(requests.arrival_us)):
            keys = requests.keys[requests.key_offsets[row] : requests.key_offsets[row + 1]]
            shared = (keys[:, None] * block + np.arange(block)).reshape(-1)
            n_input = int(requests.input_tokens[row])
            n_own = n_input + int(requests.output_tokens[row]) - len(shared)
            ids = np.concatenate((shared, np.arange(next_own, next_own + n_own))).tolist()
            next_own += n_own
            prompt, output = ids[:n_input], ids[n_input:]
            file.write(f'{time},{len(prompt)},{len(output)},"{json.dumps(prompt)}","{json.dumps(output)}"\n')
    n_sharing = int((np.diff(requests.key_offsets) > 0).sum())
    why = f"prefixes are shared by whole blocks of {block} tokens; the rest of each request is made its own"
    partly = (Loss("sharing of less than a block", n_sharing, why),) if n_sharing else ()
    return (*losses(requests, HOLDS), *partly)


def _token_lists(path: Path, name: str, cells: Sequence[str], first_row: int) -> list[Int64Vector]:
    """The ids in each cell: read all at once, and one by one to find a wrong cell."""
    with suppress(ValueError):
        return _ids(cells)
    found: list[Int64Vector] = []
    for at, cell in enumerate(cells):
        try:
            found += _ids([cell])
        except ValueError:
            refuse_cell(path, at, name, "a JSON list of token ids (ints ≥ 0)", cells, first_row)
    return found


def _ids(cells: Sequence[str]) -> list[Int64Vector]:
    """The ids in each cell, as parts of one array.

    Raises
    ------
    ValueError
        If a cell is not a JSON list of whole numbers ≥ 0.
    """
    if not all(cell[:1] == "[" and cell[-1:] == "]" and cell.count("[") == 1 for cell in map(str.strip, cells)):
        raise ValueError
    lists = json.loads(f"[{','.join(cells)}]")
    flat = list(chain.from_iterable(lists))
    if not set(map(type, flat)) <= {int} or not 0 <= min(flat, default=0) <= max(flat, default=0) < 2**63:
        raise ValueError
    ids = np.array(flat, np.int64)
    return [ids[start:end] for start, end in pairwise(accumulate(map(len, lists), initial=0))]
