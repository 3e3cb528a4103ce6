"""Prompts that are known by one hash per block of tokens, as logs of prefix caches have them."""

from array import array
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from blis.foundation.errors import ConfigError
from blis.foundation.units import BoolVector, Int64Vector
from blis.foundation.words import shown
from blis.workload.logs.json_rows import refuse_row
from blis.workload.prefixes.chained_keys import csr_offsets
from blis.workload.prefixes.keys import PrefixKeys, keys_of_hash_ids
from blis.workload.requests import Requests

FIELD = "hash_ids"
MOST_BLOCK_TOKENS = 2**20
#: Tokens behind one hash that caches have: tried where a log does not fit its format's own.
BLOCK_SIZES = tuple(2**power for power in range(4, 15))


class HashColumn:
    """The hashes of all rows, as they come."""

    def __init__(self) -> None:
        self._counts, self._ids = array("q"), array("q")

    def append(self, where: object, ids: Any) -> None:
        """Add the hashes of a row; None if it says nothing about its prompt.

        Raises
        ------
        ConfigError
            If they are not whole numbers of 64 bits.
        """
        ids = [] if ids is None else ids
        if type(ids) is not list or (ids and not set(map(type, ids)) == {int}):
            raise ConfigError(f"{where}, field {FIELD!r}: must be a list of ints; got {shown(ids)}.")
        if ids and not -(2**63) <= min(ids) <= max(ids) < 2**63:
            if max(ids) >= 2**64 or min(ids) < -(2**63):
                raise ConfigError(f"{where}, field {FIELD!r}: must be a list of ints of 64 bits; got {shown(ids)}.")
            ids = [number - 2**64 if number >= 2**63 else number for number in ids]
        self._counts.append(len(ids))
        self._ids.extend(ids)

    def prompts(self, path: Path, input_tokens: Int64Vector, usual: int, given: int | None) -> "HashedPrompts":
        """The prompts that the hashes describe.

        Parameters
        ----------
        input_tokens : (n,) int64 [tokens]
        usual : int
            Tokens behind one hash in this format.
        given : int or None
            What the user says instead.

        Raises
        ------
        ConfigError
            If a row has more or fewer hashes than its prompt has blocks.
        """
        counts = np.array(self._counts, np.int64)
        notes = []
        if n_without := int(((counts == 0) & (input_tokens > 0)).sum()):
            notes.append(f"{n_without} of {len(counts)} rows have no {FIELD}: their prompts share nothing")
        block_tokens = given or usual
        if given is None and not _fits(input_tokens, counts, usual).all():
            found = _only_fitting_size(input_tokens, counts)
            if found is not None:
                block_tokens = found
                notes.append(f"the rows have one hash per {found} tokens, not per {usual} (hash_block_tokens)")
        fits = _fits(input_tokens, counts, block_tokens)
        if not fits.all():
            row = int((~fits).argmax())
            n_blocks = -(-int(input_tokens[row]) // block_tokens)
            rule = f"a list of {n_blocks} ints, one per {block_tokens} tokens of the prompt (hash_block_tokens)"
            refuse_row(path, row, FIELD, rule, f"{counts[row]} for {input_tokens[row]} tokens")
        if n_short := int(((counts > 0) & (counts < -(-input_tokens // block_tokens))).sum()):
            notes.append(
                f"{n_short} rows have hashes of whole blocks only: the last tokens of these prompts share nothing"
            )
        return HashedPrompts(input_tokens, counts, np.array(self._ids, np.int64), block_tokens, tuple(notes))


class HashedPrompts(NamedTuple):
    """Prompts of n rows."""

    input_tokens: Int64Vector  #: (n,)
    counts: Int64Vector  #: (n,) of hashes
    ids: Int64Vector  #: of all rows, one after another
    block_tokens: int  #: behind one hash
    notes: tuple[str, ...]

    def keys(self, rows: Int64Vector, block_size_tokens: int) -> PrefixKeys:
        """Prefix keys of some rows."""
        starts, lengths = csr_offsets(self.counts)[rows], self.counts[rows]
        offsets = csr_offsets(lengths)
        ids = self.ids[np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], lengths)]
        return keys_of_hash_ids(self.input_tokens[rows], offsets, ids, block_size_tokens, self.block_tokens)


def hashed(requests: Requests, block_tokens: int) -> HashedPrompts:
    """A number for every block of every prompt: the same where the prompts are the same up to its end."""
    n_blocks = -(-requests.input_tokens // block_tokens)
    offsets = csr_offsets(n_blocks)
    row = np.repeat(np.arange(len(requests)), n_blocks)
    end_tokens = np.minimum((np.arange(offsets[-1]) - offsets[row] + 1) * block_tokens, requests.input_tokens[row])
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
    return HashedPrompts(requests.input_tokens, n_blocks, rank[ids], block_tokens, ())


def _fits(input_tokens: Int64Vector, counts: Int64Vector, block_tokens: int) -> BoolVector:
    """Whether each row has a hash per block, or none; or per whole block, if that is so in all rows."""
    only_whole: BoolVector = (counts == input_tokens // block_tokens) | (counts == 0)
    every: BoolVector = (counts == -(-input_tokens // block_tokens)) | (counts == 0)
    return only_whole if only_whole.all() else every


def _only_fitting_size(input_tokens: Int64Vector, counts: Int64Vector) -> int | None:
    """The one size of blocks that fits all rows; None if there is none, or more than one."""
    sizes = [size for size in BLOCK_SIZES if _fits(input_tokens, counts, size).all()]
    return sizes[0] if len(sizes) == 1 else None
