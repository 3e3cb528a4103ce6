"""Pairing heaps of requests that wait at the gateway, one for each flow, from which anybody can be taken.

Who has waited too long, or is displaced, is seldom the first of its heap, so a node knows what it hangs from; in the
heaps of `blis.engine.heap` only roots leave.
"""

from blis.engine._jit import kernel
from blis.engine.fields import Records


@kernel
def _sent_before(gated: Records, a: int, b: int) -> bool:
    """Whether a is sent before b: smaller key, then the one that was enqueued first."""
    if gated.key[a] != gated.key[b]:
        return gated.key[a] < gated.key[b]
    return gated.rank[a] < gated.rank[b]


@kernel
def melded(gated: Records, a: int, b: int) -> int:
    """Root of two heaps together, given by their roots; -1 is empty."""
    if a < 0:
        return b
    if b < 0:
        return a
    if _sent_before(gated, b, a):
        a, b = b, a
    first = gated.child[a]
    gated.next[b] = first
    if first >= 0:
        gated.previous[first] = b
    gated.previous[b] = a
    gated.child[a] = b
    return a


@kernel
def without(gated: Records, root: int, node: int) -> int:
    """Root of a heap without one of its nodes."""
    if node == root:
        return _children_melded(gated, node)
    before, after = gated.previous[node], gated.next[node]
    if gated.child[before] == node:
        gated.child[before] = after
    else:
        gated.next[before] = after
    if after >= 0:
        gated.previous[after] = before
    _detach(gated, node)
    return melded(gated, root, _children_melded(gated, node))


@kernel
def _detach(gated: Records, node: int) -> None:
    gated.next[node] = -1
    gated.previous[node] = -1


@kernel
def _children_melded(gated: Records, node: int) -> int:
    """Root of what hung from a node, which has no children any more: pairs from left to right, then all of them."""
    pairs, child = -1, gated.child[node]
    gated.child[node] = -1
    while child >= 0:
        second = gated.next[child]
        rest = gated.next[second] if second >= 0 else -1
        _detach(gated, child)
        if second >= 0:
            _detach(gated, second)
        pair = melded(gated, child, second)
        gated.next[pair] = pairs
        pairs = pair
        child = rest
    merged = -1
    while pairs >= 0:
        rest = gated.next[pairs]
        gated.next[pairs] = -1
        merged = melded(gated, merged, pairs)
        pairs = rest
    return merged
