"""Pairing heaps from which anybody can be taken, not the first alone: threaded through records that are used again.

A record has a `key`, a `rank` that settles ties, and three links: its first `child`, the `next` sibling, and the
`previous` one, or the parent of a first child. In the heaps of `blis.engine.heap` only roots leave, so two links do.

Source: Fredman, Sedgewick, Sleator and Tarjan, "The pairing heap", Algorithmica 1 (1986).
"""

from blis.engine._jit import kernel
from blis.engine.records import Records


@kernel
def _goes_first(records: Records, a: int, b: int) -> bool:
    """Whether a goes before b: smaller key, then the smaller rank."""
    if records.key[a] != records.key[b]:
        return records.key[a] < records.key[b]
    return records.rank[a] < records.rank[b]


@kernel
def make_node(records: Records, node: int, key: float, rank: int) -> None:
    """Make a record a heap of its own."""
    records.key[node] = key
    records.rank[node] = rank
    records.child[node] = -1
    records.next[node] = -1
    records.previous[node] = -1


@kernel
def melded(records: Records, a: int, b: int) -> int:
    """Root of two heaps together, given by their roots; -1 is empty."""
    if a < 0:
        return b
    if b < 0:
        return a
    if _goes_first(records, b, a):
        a, b = b, a
    first = records.child[a]
    records.next[b] = first
    if first >= 0:
        records.previous[first] = b
    records.previous[b] = a
    records.child[a] = b
    return a


@kernel
def without(records: Records, root: int, node: int) -> int:
    """Root of a heap without one of its nodes."""
    if node == root:
        return _children_melded(records, node)
    before, after = records.previous[node], records.next[node]
    if records.child[before] == node:
        records.child[before] = after
    else:
        records.next[before] = after
    if after >= 0:
        records.previous[after] = before
    _detach(records, node)
    return melded(records, root, _children_melded(records, node))


@kernel
def _detach(records: Records, node: int) -> None:
    records.next[node] = -1
    records.previous[node] = -1


@kernel
def _children_melded(records: Records, node: int) -> int:
    """Root of what hung from a node, which has no children any more: pairs from left to right, then all of them."""
    pairs, child = -1, records.child[node]
    records.child[node] = -1
    while child >= 0:
        second = records.next[child]
        rest = records.next[second] if second >= 0 else -1
        _detach(records, child)
        if second >= 0:
            _detach(records, second)
        pair = melded(records, child, second)
        records.next[pair] = pairs
        pairs = pair
        child = rest
    merged = -1
    while pairs >= 0:
        rest = records.next[pairs]
        records.next[pairs] = -1
        merged = melded(records, merged, pairs)
        pairs = rest
    return merged
