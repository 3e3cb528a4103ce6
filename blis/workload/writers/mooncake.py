"""The JSON lines of Mooncake traces: times, lengths, and a hash per block of 512 prompt tokens."""

import json
from pathlib import Path

import numpy as np

from blis.foundation.units import US_PER_MS, Int64Vector
from blis.workload.kinds.mooncake import FIELDS, HASH_BLOCK_TOKENS
from blis.workload.prefixes.chained_keys import csr_offsets, keys_of_hash_ids
from blis.workload.requests import Requests
from blis.workload.writers._losses import Loss, losses
from blis.workload.writers._text import text_file

SUFFIXES = (".jsonl", ".jsonl.gz")
HOLDS = frozenset({"prefix sharing", "time before the first request"})


def files(path: Path) -> tuple[Path, ...]:
    """The one file."""
    return (path,)


def write(requests: Requests, path: Path) -> tuple[Loss, ...]:
    """Write the requests; hashes are made up, and equal where whole blocks of 512 tokens are."""
    offsets, ids = _hash_ids(requests)
    starts, every_id = offsets.tolist(), ids.tolist()
    rows = zip(
        requests.arrival_us.tolist(), requests.input_tokens.tolist(), requests.output_tokens.tolist(), strict=True
    )
    with text_file(path) as file:
        for row, (time_us, prompt, output) in enumerate(rows):
            time_ms = time_us // US_PER_MS if time_us % US_PER_MS == 0 else time_us / US_PER_MS
            values = (time_ms, prompt, output, every_id[starts[row] : starts[row + 1]])
            file.write(json.dumps(dict(zip(FIELDS, values, strict=True))) + "\n")
    held = keys_of_hash_ids(requests.input_tokens, offsets, ids, requests.block_size_tokens, HASH_BLOCK_TOKENS)
    before, after = np.diff(requests.key_offsets), np.diff(held.key_offsets)
    n_fewer = int((before != after).sum())
    why = f"blocks of {HASH_BLOCK_TOKENS} prompt tokens are shared as a whole or not: {after.sum()} of {before.sum()} "
    why += f"shared blocks of {requests.block_size_tokens} are kept"
    partly = [Loss("part of the prefix sharing", n_fewer, why)] if n_fewer else []
    return (*losses(requests, HOLDS), *partly)


def _hash_ids(requests: Requests) -> tuple[Int64Vector, Int64Vector]:
    """Offsets, and a number for every block of every prompt: the same where the prompts are the same up to its end."""
    n_blocks = -(-requests.input_tokens // HASH_BLOCK_TOKENS)
    offsets = csr_offsets(n_blocks)
    row = np.repeat(np.arange(len(requests)), n_blocks)
    end_tokens = np.minimum((np.arange(offsets[-1]) - offsets[row] + 1) * HASH_BLOCK_TOKENS, requests.input_tokens[row])
    is_shared = requests.key_offsets[row] + end_tokens // requests.block_size_tokens <= requests.key_offsets[row + 1]
    is_shared &= end_tokens % requests.block_size_tokens == 0
    last_key = requests.key_offsets[row] + end_tokens // requests.block_size_tokens - 1
    is_end = end_tokens == requests.input_tokens[row]
    # A key stands for the whole prefix that ends with its block, `prompt` for the whole prompt, and the rest is unique.
    names = requests.n_keys + int(requests.prompt.max()) + 1 + np.arange(offsets[-1])
    names = np.where(is_end, requests.n_keys + requests.prompt[row], names)
    names = np.where(is_shared, requests.keys[np.where(is_shared, last_key, 0)] if len(requests.keys) else 0, names)
    first, ids = np.unique(names, return_index=True, return_inverse=True)[1:]
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return offsets, rank[ids]
