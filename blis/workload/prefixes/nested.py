"""Keys of requests whose prefix groups extend one another.

`keys_of_groups` knows one text per group. A text that extends another becomes one more request, which says
nothing but that text and comes before all others; a prompt that begins with it repeats that request.
"""

import numpy as np

from blis.foundation.units import Int64Vector
from blis.workload.prefixes.keys import PrefixKeys, keys_of_groups
from blis.workload.prefixes.texts import NO_TEXT, PrefixTexts


def keys_of_texts(
    texts: PrefixTexts,
    input_tokens: Int64Vector,
    output_tokens: Int64Vector,
    text: Int64Vector,
    prefix_tokens: Int64Vector,
    block_size_tokens: int,
    context_of: Int64Vector,
    context_tokens: Int64Vector,
) -> PrefixKeys:
    """Keys like those of `keys_of_groups`, where groups are `texts`.

    Parameters
    ----------
    texts : PrefixTexts
    text : (n,) int64
        Text that the prompt begins with, `NO_TEXT` for none.
    prefix_tokens : (n,) int64 [tokens]
        Length of its use, parents included.
    input_tokens, output_tokens, block_size_tokens, context_of, context_tokens
        As there; a prompt that continues a conversation begins as that one does.

    Returns
    -------
    PrefixKeys
    """
    nested = np.flatnonzero(texts.parent >= 0)
    columns = (input_tokens, output_tokens, text, prefix_tokens)
    if len(nested) == 0:
        return keys_of_groups(*columns, block_size_tokens, context_of, context_tokens)
    row_of_text = np.full(len(texts.names) + 1, -1)  # the last entry is that of NO_TEXT
    row_of_text[nested] = np.arange(len(nested))
    parent = texts.parent[nested]
    repeats_parent = row_of_text[parent] >= 0
    starts_nested = row_of_text[text] >= 0
    follows_text = starts_nested & (context_tokens == 0)
    keys = keys_of_groups(
        np.concatenate((texts.tokens[nested], input_tokens)),
        np.concatenate((np.zeros(len(nested), np.int64), output_tokens)),
        np.concatenate((np.where(repeats_parent, NO_TEXT, parent), np.where(starts_nested, NO_TEXT, text))),
        np.concatenate((np.where(repeats_parent, 0, texts.tokens[parent]), np.where(starts_nested, 0, prefix_tokens))),
        block_size_tokens,
        np.concatenate(
            (
                row_of_text[parent],
                np.where(follows_text, row_of_text[text], np.where(context_of >= 0, context_of + len(nested), -1)),
            )
        ),
        np.concatenate(
            (np.where(repeats_parent, texts.tokens[parent], 0), np.where(follows_text, prefix_tokens, context_tokens))
        ),
    )
    return _without_first(keys, len(nested))


def _without_first(keys: PrefixKeys, n: int) -> PrefixKeys:
    """The keys without the first `n` requests, and without what was shared with these alone."""
    start = keys.key_offsets[n]
    own = keys.keys[start:]
    uses = np.bincount(own, minlength=1)
    is_shared = uses[own] > 1
    kept = np.concatenate(([0], np.cumsum(is_shared)))
    dense = np.cumsum(uses > 1) - 1
    return PrefixKeys(kept[keys.key_offsets[n:] - start], dense[own[is_shared]], keys.prompt[n:])
