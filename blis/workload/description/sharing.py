"""How prompts share their beginnings: how much a cache could save, and the tree of shared prefixes."""

from typing import NamedTuple

import numpy as np

from blis.foundation.units import Float64Vector, Int64Vector
from blis.workload.requests import Requests

MOST_LEVELS, MOST_COLUMNS = 64, 1200  #: of the drawn tree


class Sharing(NamedTuple):
    """Counts of full prompt blocks."""

    prompt_blocks: int  #: of all prompts
    shared_blocks: int  #: of them, those that another request has too
    repeated_blocks: int  #: of them, those that an earlier request had: what a cache without limit would save
    sharing_requests: int  #: requests that share at least one block
    roots: int  #: different first blocks that are shared: trees
    largest_tree: int  #: requests that begin with the most common one
    deepest_tokens: int  #: longest shared beginning of a prompt


class Depths(NamedTuple):
    """Sharing at increasing depths of the prompt."""

    tokens: Int64Vector  #: (k,) depth: end of the block
    present: Float64Vector  #: (k,) share of requests whose prompt is so long
    shared: Float64Vector  #: (k,) share of requests that share their beginning up to here
    repeated: Float64Vector  #: (k,) share of requests whose beginning up to here came before


def sharing_of(requests: Requests) -> Sharing:
    """Count what prompts share."""
    prompt_blocks = requests.input_tokens // requests.block_size_tokens
    shared = _shared_blocks(requests)
    first_keys = requests.keys[requests.key_offsets[:-1][shared > 0]]
    trees = np.bincount(first_keys) if len(first_keys) else np.zeros(0, np.int64)
    return Sharing(
        prompt_blocks=int(prompt_blocks.sum()),
        shared_blocks=int(shared.sum()),
        repeated_blocks=int(_repeated_blocks(requests, shared).sum()),
        sharing_requests=int((shared > 0).sum()),
        roots=int((trees > 0).sum()),
        largest_tree=int(trees.max(initial=0)),
        deepest_tokens=int(shared.max(initial=0)) * requests.block_size_tokens,
    )


def depths_of(requests: Requests) -> Depths:
    """Sharing at depths that grow geometrically, down to the deepest prompt."""
    blocks = requests.input_tokens // requests.block_size_tokens
    shared = _shared_blocks(requests)
    repeated = _repeated_blocks(requests, shared)
    levels = np.unique(np.geomspace(1, max(int(blocks.max()), 1), 40).astype(np.int64))
    counts = [[(column >= level).mean() for level in levels] for column in (blocks, shared, repeated)]
    return Depths(levels * requests.block_size_tokens, *(np.array(column) for column in counts))


def prefix_tree(requests: Requests) -> tuple[Int64Vector, Float64Vector]:
    """The tree of shared prefixes as a picture.

    Returns
    -------
    depth_tokens : (levels + 1,) int64
        Edges of the rows, which grow geometrically.
    sharers : (levels, columns) float64
        Sharing requests in the order of their keys, so that equal beginnings lie side by side; each cell is the number
        of requests that share the beginning down to its row, NaN where none does. Of many requests, evenly spaced ones
        are shown. No columns if nothing is shared.
    """
    shared = _shared_blocks(requests)
    deepest = int(shared.max(initial=0))
    rows = np.flatnonzero(shared > 0)
    edges = np.append(0, np.unique(np.geomspace(1, max(deepest, 1), MOST_LEVELS).astype(np.int64)))[: deepest + 1]
    levels = edges[1:] - 1
    keys = np.full((len(levels), len(rows)), -1, np.int64)
    for level, block in enumerate(levels.tolist()):
        held = shared[rows] > block
        keys[level, held] = requests.keys[requests.key_offsets[rows[held]] + block]
    order = np.lexsort(keys[::-1]) if len(levels) else np.zeros(0, np.int64)
    keys = keys[:, order]
    uses = np.bincount(keys[keys >= 0]) if len(rows) else np.zeros(0, np.int64)
    shown = np.linspace(0, len(rows) - 1, min(len(rows), MOST_COLUMNS)).astype(np.int64)
    keys = keys[:, shown]
    sharers = np.where(keys >= 0, uses[np.maximum(keys, 0)] if len(uses) else 0, np.nan).astype(np.float64)
    return edges * requests.block_size_tokens, sharers


def _shared_blocks(requests: Requests) -> Int64Vector:
    """Leading full prompt blocks of each request that another request has too."""
    blocks: Int64Vector = np.minimum(np.diff(requests.key_offsets), requests.input_tokens // requests.block_size_tokens)
    return blocks


def _repeated_blocks(requests: Requests, shared: Int64Vector) -> Int64Vector:
    """Leading full prompt blocks of each request that an earlier request has too.

    A key stands for the whole prefix, so what came before is always a run from the first block.
    """
    first = np.empty(requests.n_keys, np.int64)
    first[requests.keys[::-1]] = np.arange(len(requests.keys) - 1, -1, -1)
    is_repeated = first[requests.keys] < np.arange(len(requests.keys))
    count = np.concatenate(([0], np.cumsum(is_repeated)))
    start = requests.key_offsets[:-1]
    repeated: Int64Vector = count[start + shared] - count[start]
    return repeated
