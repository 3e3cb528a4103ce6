"""Keys of requests whose blocks are known by content: literal tokens, or recorded block hashes."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from blis.foundation.errors import ConfigError
from blis.foundation.units import Int64Vector

MOONCAKE_BLOCK_TOKENS = 512  #: tokens behind one recorded hash; Mooncake traces, FAST'25


class PrefixKeys(NamedTuple):
    """The three columns of `Requests` that say who shares what."""

    key_offsets: Int64Vector  #: (n + 1,)
    keys: Int64Vector  #: (key_offsets[n],) dense from 0, each used by at least two requests
    prompt: Int64Vector  #: (n,) equal exactly when the whole prompts are equal


class _Chains(NamedTuple):
    """Leading items that at least two sequences share, as nodes of their common tree."""

    offsets: Int64Vector  #: (n + 1,)
    nodes: Int64Vector  #: (offsets[n],) dense from 0
    n_nodes: int


def keys_of_tokens(
    prompts: Sequence[Sequence[int]] | Sequence[Int64Vector],
    outputs: Sequence[Sequence[int]] | Sequence[Int64Vector],
    block_size_tokens: int,
) -> PrefixKeys:
    """Keys of requests whose prompt and output token ids are known.

    Output counts: a prompt that repeats an earlier prompt with its output finds the output's blocks too.

    Parameters
    ----------
    prompts, outputs : n sequences of token ids each
    block_size_tokens : int ≥ 1

    Returns
    -------
    PrefixKeys
    """
    texts = _Texts([np.asarray(ids, np.int64) for ids in prompts], [np.asarray(ids, np.int64) for ids in outputs])
    n_input = np.fromiter(map(len, texts.prompts), np.int64, len(prompts))
    n_output = np.fromiter(map(len, texts.outputs), np.int64, len(outputs))

    def blocks(rows: Int64Vector, level: int) -> Int64Vector:
        number_of: dict[bytes, int] = {}
        start, end = level * block_size_tokens, (level + 1) * block_size_tokens
        found = (number_of.setdefault(texts.part(row, start, end), len(number_of)) for row in rows.tolist())
        return np.fromiter(found, np.int64, len(rows))

    chains = _shared_chains((n_input + n_output) // block_size_tokens, blocks)
    prompt = np.arange(len(n_input))
    first_of: dict[tuple[int, bytes], int] = {}
    n_whole = n_input // block_size_tokens
    for row in np.flatnonzero(n_whole <= np.diff(chains.offsets)).tolist():  # others begin like no other prompt
        n_blocks = int(n_whole[row])
        node = int(chains.nodes[chains.offsets[row] + n_blocks - 1]) if n_blocks else -1
        rest = texts.part(row, n_blocks * block_size_tokens, int(n_input[row]))
        prompt[row] = first_of.setdefault((node, rest), row)
    return PrefixKeys(chains.offsets, chains.nodes, prompt)


class _Texts(NamedTuple):
    """Tokens of n requests."""

    prompts: list[Int64Vector]
    outputs: list[Int64Vector]

    def part(self, row: int, start: int, end: int) -> bytes:
        """The tokens from start to end of a prompt with its output."""
        prompt = self.prompts[row]
        if end <= len(prompt):
            return prompt[start:end].tobytes()
        output = self.outputs[row][max(start - len(prompt), 0) : end - len(prompt)]
        return prompt[start:].tobytes() + output.tobytes()


def keys_of_hash_ids(
    input_tokens: Int64Vector,
    id_offsets: Int64Vector,
    ids: Int64Vector,
    block_size_tokens: int,
    hash_block_tokens: int = MOONCAKE_BLOCK_TOKENS,
) -> PrefixKeys:
    """Keys of requests whose prompts are known by one hash per block of `hash_block_tokens` tokens.

    Equal leading ids mean equal leading tokens. A KV block is shared when every hash block that it touches is
    equal and it lies within both prompts; the output is never shared. Where the block sizes do not divide, a
    KV block that ends in a differing hash block is not shared, although its beginning may be.

    Parameters
    ----------
    input_tokens : (n,) int64 [tokens]
    id_offsets : (n + 1,) int64
        Start of each request's ids in `ids`; where they are fewer than the blocks, the rest is its own.
    ids : (id_offsets[n],) int64
        Hashes, any integers.
    block_size_tokens, hash_block_tokens : int ≥ 1

    Returns
    -------
    PrefixKeys

    Raises
    ------
    ConfigError
        If a request has more ids than its prompt has blocks.
    """
    input_tokens = np.asarray(input_tokens, np.int64)
    n_ids = np.diff(id_offsets)
    n_blocks = -(-input_tokens // hash_block_tokens)
    if (n_ids > n_blocks).any():
        row = int((n_ids > n_blocks).argmax())
        raise ConfigError(
            f"request {row}: hash_ids must hold at most {n_blocks[row]} ids, one per {hash_block_tokens} "
            f"tokens of a prompt of {input_tokens[row]}; got {n_ids[row]}."
        )
    names = np.unique(ids, return_inverse=True)[1]
    chains = _shared_chains(n_ids, lambda rows, level: names[id_offsets[rows] + level])
    n_shared = np.diff(chains.offsets)

    # A KV block belongs to the hash block that holds its end. Per shared hash block of a request: how many begin there.
    shared_blocks = np.minimum(input_tokens, n_shared * hash_block_tokens) // block_size_tokens
    row_of = np.repeat(np.arange(len(input_tokens)), n_shared)
    level = np.arange(len(row_of)) - chains.offsets[row_of]
    first = level * hash_block_tokens // block_size_tokens
    end = np.minimum((level + 1) * hash_block_tokens // block_size_tokens, shared_blocks[row_of])
    n_here = np.minimum(np.maximum(end - first, 0), _second_largest(chains, end - first)[chains.nodes])
    n_of_node = np.zeros(chains.n_nodes, np.int64)
    np.maximum.at(n_of_node, chains.nodes, n_here)
    ends = csr_offsets(n_here)
    keys = np.arange(ends[-1])
    keys += np.repeat(csr_offsets(n_of_node)[chains.nodes] - ends[:-1], n_here)

    prompt = np.arange(len(input_tokens))
    whole = np.flatnonzero((n_shared == n_blocks) & (n_blocks > 0))
    last_node = chains.nodes[chains.offsets[whole + 1] - 1]
    prompt[whole] = len(prompt) + number_pairs(last_node, input_tokens[whole])
    return PrefixKeys(ends[chains.offsets], keys, prompt)


def _second_largest(chains: _Chains, values: Int64Vector) -> Int64Vector:
    """For each node, of which there are at least two, the second largest of its values."""
    order = np.lexsort((values, chains.nodes))
    last = np.cumsum(np.bincount(chains.nodes, minlength=chains.n_nodes)) - 1
    second: Int64Vector = np.maximum(values[order[last - 1]], 0)
    return second


def csr_offsets(lengths: Int64Vector) -> Int64Vector:
    """Start of each run, and the end of the last."""
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


def number_pairs(first: Int64Vector, second: Int64Vector) -> Int64Vector:
    """A number from 0 for each distinct pair of non-negative integers."""
    if len(first) == 0:
        return np.zeros(0, np.int64)
    pairs = np.unique(first, return_inverse=True)[1] * (int(second.max()) + 1) + second
    numbers: Int64Vector = np.unique(pairs, return_inverse=True)[1]
    return numbers


def _shared_chains(lengths: Int64Vector, items_at: Callable[[Int64Vector, int], Int64Vector]) -> _Chains:
    """Walk all sequences level by level and leave those behind whose beginning nobody shares any more.

    The cost is one sort per level of the sequences that still share, so nothing is paid for unshared tails.
    `items_at(rows, level)` numbers the items of some sequences at a level: equal numbers for equal items.
    """
    rows = np.flatnonzero(lengths > 0)
    parent = np.zeros(len(rows), np.int64)
    n_nodes = level = 0
    found_rows, found_nodes = [rows[:0]], [parent[:0]]
    while len(rows) > 1:
        child = number_pairs(parent, items_at(rows, level))
        is_shared = np.bincount(child) > 1
        kept = is_shared[child]
        rows, parent = rows[kept], n_nodes + (np.cumsum(is_shared) - 1)[child[kept]]
        found_rows.append(rows)
        found_nodes.append(parent)
        n_nodes += int(is_shared.sum())
        level += 1
        longer = lengths[rows] > level
        rows, parent = rows[longer], parent[longer]
    all_rows = np.concatenate(found_rows)
    order = np.argsort(all_rows, kind="stable")
    counts = np.bincount(all_rows, minlength=len(lengths))
    return _Chains(csr_offsets(counts), np.concatenate(found_nodes)[order], n_nodes)
