"""Which requests go on with an earlier one's prompt and answer, so that what they say depends on what was answered."""

import numpy as np

from blis.foundation.units import Int64Vector
from blis.workload.requests import Requests


def continued_rows(requests: Requests) -> Int64Vector:
    """(n,) row of the session whose prompt and output a request's prompt begins with, -1 for none.

    A request goes on with another where it shares all whole blocks of that one's prompt and output, and these reach
    into the output. The latest such row counts.
    """
    continued = np.full(len(requests), -1)
    rows_of: dict[int, list[int]] = {}
    whole_blocks = (requests.input_tokens + requests.output_tokens) // requests.block_size_tokens
    for row, session in enumerate(requests.session.tolist()):
        if session < 0:
            continue
        earlier = rows_of.setdefault(session, [])
        for other in reversed(earlier):
            if _goes_on(requests, row, other, int(whole_blocks[other])):
                continued[row] = other
                break
        earlier.append(row)
    return continued


def _goes_on(requests: Requests, row: int, other: int, n_blocks: int) -> bool:
    n_prompt, n_output = int(requests.input_tokens[other]), int(requests.output_tokens[other])
    if n_blocks * requests.block_size_tokens <= n_prompt or requests.input_tokens[row] < n_prompt + n_output:
        return False
    keys, other_keys = keys_of(requests, row), keys_of(requests, other)
    return len(keys) >= n_blocks == len(other_keys[:n_blocks]) and bool(
        (keys[:n_blocks] == other_keys[:n_blocks]).all()
    )


def keys_of(requests: Requests, row: int) -> Int64Vector:
    """Shared keys of one request."""
    keys: Int64Vector = requests.keys[requests.key_offsets[row] : requests.key_offsets[row + 1]]
    return keys
