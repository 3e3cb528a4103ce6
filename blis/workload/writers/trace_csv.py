"""A CSV file with literal token ids: times, prompts and outputs."""

import json
from pathlib import Path

import numpy as np

from blis.foundation.units import Int64Vector
from blis.workload.requests import Requests
from blis.workload.writers._losses import Loss, losses
from blis.workload.writers._text import seconds, text_file

SUFFIXES = ()  #: .csv means several formats
HOLDS = frozenset({"prefix sharing", "time before the first request"})
HEADER = "arrival_time,input_length,output_length,input_tokens,output_tokens\n"


def files(path: Path) -> tuple[Path, ...]:
    """The one file."""
    return (path,)


def write(requests: Requests, path: Path) -> tuple[Loss, ...]:
    """Write the requests; token ids are made up, and equal where shared blocks are."""
    times = seconds(requests.arrival_us)
    with text_file(path) as file:
        file.write(HEADER)
        next_own = requests.n_keys * requests.block_size_tokens
        for row, time in enumerate(times):
            tokens = _shared_tokens(requests, row)
            n_own = int(requests.input_tokens[row] + requests.output_tokens[row]) - len(tokens)
            own = np.arange(next_own, next_own + n_own)
            next_own += n_own
            ids = np.concatenate((tokens, own)).tolist()
            n_input = int(requests.input_tokens[row])
            prompt, output = ids[:n_input], ids[n_input:]
            file.write(f'{time},{len(prompt)},{len(output)},"{json.dumps(prompt)}","{json.dumps(output)}"\n')
    cut = requests.block_size_tokens
    n_sharing = int((np.diff(requests.key_offsets) > 0).sum())
    why = f"prefixes are shared by whole blocks of {cut} tokens; the rest of each request is made its own"
    partly = [Loss("sharing of less than a block", n_sharing, why)] if n_sharing else []
    return (*losses(requests, HOLDS), *partly)


def _shared_tokens(requests: Requests, row: int) -> Int64Vector:
    keys = requests.keys[requests.key_offsets[row] : requests.key_offsets[row + 1]]
    block = requests.block_size_tokens
    tokens: Int64Vector = (keys[:, None] * block + np.arange(block)).reshape(-1)
    return tokens
