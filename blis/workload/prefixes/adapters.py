"""Prompts that are equal and computed with different adapters have nothing in common: their KV blocks differ."""

import numpy as np

from blis.foundation.units import Int32Vector, Int64Vector
from blis.workload.prefixes.keys import PrefixKeys


def keys_by_adapter(keys: PrefixKeys, adapter: Int32Vector) -> PrefixKeys:
    """The keys, and the prompts' identities, told apart by each request's adapter; -1 is none.

    Source: vLLM puts the adapter into the hash of a block (`vllm/v1/core/kv_cache_utils.py`, extra keys).
    """
    if not len(adapter) or int(adapter.max()) < 0:
        return keys
    of_key = np.repeat(adapter, np.diff(keys.key_offsets))
    return PrefixKeys(keys.key_offsets, _told_apart(keys.keys, of_key), _told_apart(keys.prompt, adapter))


def _told_apart(numbers: Int64Vector, adapter: Int32Vector) -> Int64Vector:
    """New numbers, from 0 without gaps: equal where both the number and the adapter are."""
    pairs = numbers.astype(np.int64) * (int(adapter.max(initial=-1)) + 2) + (adapter.astype(np.int64) + 1)
    told_apart: Int64Vector = np.unique(pairs, return_inverse=True)[1].astype(np.int64)
    return told_apart
