"""Keys of shared prefix blocks, from descriptions of who shares what.

A key stands for a whole prefix: two requests carry key k at position j exactly when their first j + 1 blocks
are equal. Three descriptions are understood: prefix groups and conversations (here), literal tokens and block
hashes (in `blis.workload.prefixes.chained_keys`, offered here too). All three keep keys only as far as another request
shares them, and number them densely from 0.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from blis.foundation.errors import ConfigError
from blis.foundation.units import BoolVector, Int64Vector
from blis.workload.prefixes.chained_keys import PrefixKeys, csr_offsets, keys_of_hash_ids, keys_of_tokens, number_pairs

__all__ = ["PrefixKeys", "keys_of_groups", "keys_of_hash_ids", "keys_of_tokens"]


class _Texts(NamedTuple):
    """What is known of each request's text: its conversation, then its group's text, then its own."""

    input_tokens: Int64Vector
    total_tokens: Int64Vector
    prefix_group: Int64Vector  #: -1 none
    prefix_tokens: Int64Vector  #: 0 where there is no group
    context_of: Int64Vector  #: -1 none
    context_tokens: Int64Vector  #: 0 where there is no context


def keys_of_groups(
    input_tokens: Int64Vector,
    output_tokens: Int64Vector,
    prefix_group: Int64Vector,
    prefix_tokens: Int64Vector,
    block_size_tokens: int,
    context_of: Int64Vector | None = None,
    context_tokens: Int64Vector | None = None,
) -> PrefixKeys:
    """Keys of requests that share the text of prefix groups and repeat earlier conversations.

    The first `context_tokens` tokens of a prompt are those of the prompt of request `context_of` followed by
    its output; the first `prefix_tokens` tokens are the first ones of the group's text; all other tokens
    occur nowhere else.

    Parameters
    ----------
    input_tokens, output_tokens : (n,) int64 [tokens]
        Whole prompt, shared part included, and output.
    prefix_group : (n,) int64
        Index of the group, -1 for none; any non-negative indices.
    prefix_tokens : (n,) int64 [tokens]
        Length of the group's text in the prompt; ignored where there is no group. Members may differ in it.
    block_size_tokens : int ≥ 1
    context_of : (n,) int64, optional
        Row of an earlier request that the prompt continues, -1 for none.
    context_tokens : (n,) int64 [tokens], optional
        Length of the repetition; it may end within that request's prompt or output.

    Returns
    -------
    PrefixKeys

    Raises
    ------
    ConfigError
        If a length exceeds the text that it is taken from, a row is not an earlier one, or a prompt's group
        text would go on where its conversation says something else.
    """
    n = len(input_tokens)
    group = np.asarray(prefix_group, np.int64)
    context = np.full(n, -1, np.int64) if context_of is None else np.asarray(context_of, np.int64)
    repeated = np.zeros(n, np.int64) if context_tokens is None else np.asarray(context_tokens, np.int64)
    repeated = np.where(context >= 0, repeated, 0)
    texts = _Texts(
        np.asarray(input_tokens, np.int64),
        np.asarray(input_tokens, np.int64) + np.asarray(output_tokens, np.int64),
        group,
        np.where(group >= 0, np.asarray(prefix_tokens, np.int64), 0),
        np.where(repeated != 0, context, -1),
        repeated,
    )
    _check_texts(texts)
    if not texts.prefix_tokens.any() and not repeated.any():
        return PrefixKeys(np.zeros(n + 1, np.int64), np.zeros(0, np.int64), np.arange(n, dtype=np.int64))
    generations = _generations(texts.context_of)
    root, root_tokens = _root_groups(texts, generations)
    offsets, keys = _emit(texts, generations, root, root_tokens // block_size_tokens, block_size_tokens)
    return PrefixKeys(offsets, keys, _prompt_identities(texts, root, root_tokens))


def _check_texts(texts: _Texts) -> None:
    rows = np.arange(len(texts.input_tokens))
    continued = texts.context_of >= 0
    source_tokens = np.where(continued, texts.total_tokens[np.where(continued, texts.context_of, 0)], 0)
    _refuse(texts.prefix_tokens < 0, texts.prefix_tokens, "prefix_tokens must be ≥ 0 [tokens]")
    _refuse(texts.context_tokens < 0, texts.context_tokens, "context_tokens must be ≥ 0 [tokens]")
    _refuse(
        texts.prefix_tokens > texts.input_tokens,
        texts.prefix_tokens,
        "prefix_tokens must be within the prompt, ≤ input_tokens",
    )
    _refuse(
        texts.context_tokens > texts.input_tokens,
        texts.context_tokens,
        "context_tokens must be within the prompt, ≤ input_tokens",
    )
    _refuse(continued & (texts.context_of >= rows), texts.context_of, "context_of must be an earlier row")
    _refuse(
        texts.context_tokens > source_tokens,
        texts.context_tokens,
        "context_tokens must be within the conversation, ≤ prompt + output of context_of",
    )


def _refuse(is_wrong: BoolVector, values: Int64Vector, rule: str) -> None:
    if is_wrong.any():
        row = int(is_wrong.argmax())
        raise ConfigError(f"request {row}: {rule}; got {int(values[row])}.")


def _generations(context_of: Int64Vector) -> list[Int64Vector]:
    """Rows whose conversation is 1, 2, ... repetitions deep, by pointer doubling."""
    if not (context_of >= 0).any():
        return []
    depth = (context_of >= 0).astype(np.int64)
    rows = np.arange(len(context_of))
    ancestor = np.where(context_of >= 0, context_of, rows)
    while True:
        further = ancestor[ancestor]
        if np.array_equal(further, ancestor):
            break
        depth, ancestor = depth + depth[ancestor], further
    order = np.argsort(depth, kind="stable")
    ends = np.cumsum(np.bincount(depth))
    return [order[start:end] for start, end in pairwise(ends)]


def _root_groups(texts: _Texts, generations: list[Int64Vector]) -> tuple[Int64Vector, Int64Vector]:
    """Group with whose text each sequence begins, its conversation followed back, and for how long."""
    root = np.where(texts.prefix_tokens > 0, texts.prefix_group, -1)
    tokens = texts.prefix_tokens.copy()
    for rows in generations:
        source = texts.context_of[rows]
        repeated = texts.context_tokens[rows]
        inherited = np.minimum(tokens[source], repeated)
        prefix = texts.prefix_tokens[rows]
        goes_on = prefix > repeated
        agrees = (inherited == repeated) & (root[source] == texts.prefix_group[rows])
        if (goes_on & ~agrees).any():
            row = int(rows[(goes_on & ~agrees).argmax()])
            raise ConfigError(
                f"request {row}: prefix_tokens = {texts.prefix_tokens[row]} reaches beyond context_tokens = "
                f"{texts.context_tokens[row]}, but the conversation does not consist of the group's text."
            )
        tokens[rows] = np.where(goes_on, prefix, inherited)
        root[rows] = np.where(inherited > 0, root[source], -1)
    return root, tokens


def _emit(
    texts: _Texts,
    generations: list[Int64Vector],
    root: Int64Vector,
    root_blocks: Int64Vector,
    block_size_tokens: int,
) -> tuple[Int64Vector, Int64Vector]:
    """Offsets and dense keys: the group's blocks, the conversation's, then own ones that others repeat."""
    context_blocks = texts.context_tokens // block_size_tokens
    shared = np.maximum(context_blocks, _blocks_in_others(root, root_blocks))
    continued = texts.context_of >= 0
    np.maximum.at(shared, texts.context_of[continued], context_blocks[continued])

    in_group = np.where(root >= 0, np.minimum(root_blocks, shared), 0)
    n_groups = int(root.max()) + 1
    longest = np.zeros(n_groups, np.int64)
    np.maximum.at(longest, root[root >= 0], in_group[root >= 0])
    group_base = csr_offsets(longest)
    own_from = np.maximum(context_blocks, in_group)
    n_own = shared - own_from

    offsets = csr_offsets(shared)
    keys = np.empty(offsets[-1], np.int64)
    keys[_ranges(offsets[:-1] + own_from, n_own)] = np.arange(group_base[-1], group_base[-1] + n_own.sum())
    keys[_ranges(offsets[:-1], in_group)] = _ranges(np.where(root >= 0, group_base[root], 0), in_group)
    for rows in generations:
        length = np.maximum(context_blocks[rows] - in_group[rows], 0)
        target = _ranges(offsets[rows] + in_group[rows], length)
        keys[target] = keys[_ranges(offsets[texts.context_of[rows]] + in_group[rows], length)]
    return offsets, keys


def _blocks_in_others(root: Int64Vector, root_blocks: Int64Vector) -> Int64Vector:
    """How many leading blocks of its group's text each request shares with at least one other member."""
    members = np.flatnonzero(root >= 0)
    shared = np.zeros(len(root), np.int64)
    if len(members) == 0:
        return shared
    group, blocks = root[members], root_blocks[members]
    longest = np.zeros(int(group.max()) + 1, np.int64)
    np.maximum.at(longest, group, blocks)
    is_longest = blocks == longest[group]
    second = np.where(np.bincount(group, weights=is_longest) > 1, longest, 0)
    np.maximum.at(second, group[~is_longest], blocks[~is_longest])
    shared[members] = np.where(is_longest, second[group], blocks)
    return shared


def _prompt_identities(texts: _Texts, root: Int64Vector, root_tokens: Int64Vector) -> Int64Vector:
    """Identity of prompts: the owner of the last token, found along the conversations, and the length."""
    n = len(root)
    owner = np.arange(n)
    length = texts.input_tokens
    climbing = np.flatnonzero(texts.context_tokens >= length)
    while len(climbing):
        owner[climbing] = texts.context_of[owner[climbing]]
        climbing = climbing[texts.context_tokens[owner[climbing]] >= length[climbing]]
    from_group = length <= root_tokens[owner]
    identity = np.where(length == texts.input_tokens[owner], owner, -1)
    special = np.flatnonzero(from_group | (identity < 0))
    author = np.where(from_group, n + root[owner], owner)[special]
    identity[special] = n + number_pairs(author, length[special])
    return identity


def _ranges(starts: Int64Vector, lengths: Int64Vector) -> Int64Vector:
    """Concatenation of arange(start, start + length)."""
    offsets = csr_offsets(lengths)
    return np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], lengths)
