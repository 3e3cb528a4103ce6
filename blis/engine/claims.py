"""Waiting requests of an instance in the order of their claims, so that a trace finds one without looking at all.

A tree per instance and order, threaded through the requests: a search tree by claim and a heap by weights that are a
hash of the request, so that its depth is that of a random one (Seidel and Aragon, "Randomized search trees", 1996).
Each node knows the fewest blocks that anyone below it can need, so whoever does not fit is passed by in groups. A tree
is kept from the moment at which it is first searched: runs in which nobody is ever passed over pay nothing.
"""

import numpy as np

from blis.engine._jit import kernel
from blis.engine.choice import mixed
from blis.engine.codes import BY_PRIORITY
from blis.engine.records import Records
from blis.engine.sequence import shared_blocks
from blis.engine.state import State
from blis.engine.views import World
from blis.foundation.units import Int64Vector

#: Orders: the older claim first, or the more urgent request first and among equals the older claim.
BY_AGE, BY_URGENCY = range(2)

#: Root of a tree that nobody has searched yet, and of one without requests.
NOT_KEPT, EMPTY = -2, -1


@kernel
def has_claims(state: State, order: int, instance: int) -> bool:
    """Whether the tree is kept."""
    roots = state.trace.claim_roots
    return roots.shape[1] > 0 and roots[order, instance] != NOT_KEPT


@kernel
def claim_node(state: State, order: int, request: int) -> int:
    """The node of a request in the trees of an order."""
    return order * state.requests.shape[0] + request


@kernel
def enter_claim(world: World, state: State, order: int, instance: int, request: int, urgency: float) -> None:
    """Put a request that begins to wait into a tree that is kept."""
    claims, requests, node = state.trace.claims, state.requests, claim_node(state, order, request)
    claims.urgency[node] = urgency
    if world.settings.urgency_kind == BY_PRIORITY:
        claims.since_us[node], claims.rank[node] = requests.arrival_us[request], request
    else:
        claims.since_us[node], claims.rank[node] = requests.queued_us[request], requests.routing_rank[request]
    least = _least_blocks(world, state, instance, request)
    claims.blocks[node], claims.blocks_below[node] = least, least
    claims.left[node], claims.right[node] = -1, -1
    roots = state.trace.claim_roots[order]
    parent, child = -1, roots[instance]
    is_left = False
    while child >= 0:
        parent = child
        claims.blocks_below[parent] = min(claims.blocks_below[parent], least)
        is_left = _precedes(claims, node, parent)
        child = claims.left[parent] if is_left else claims.right[parent]
    claims.parent[node] = parent
    if parent < 0:
        roots[instance] = node
    elif is_left:
        claims.left[parent] = node
    else:
        claims.right[parent] = node
    while claims.parent[node] >= 0 and _weight(node) > _weight(claims.parent[node]):
        _raise(claims, roots, instance, node)


@kernel
def leave_claim(state: State, order: int, instance: int, request: int) -> None:
    """Take a request that has stopped waiting out of a tree that is kept."""
    claims, roots, node = state.trace.claims, state.trace.claim_roots[order], claim_node(state, order, request)
    while claims.left[node] >= 0 and claims.right[node] >= 0:
        left, right = claims.left[node], claims.right[node]
        _raise(claims, roots, instance, left if _weight(left) > _weight(right) else right)
    child = max(claims.left[node], claims.right[node])
    parent = claims.parent[node]
    if child >= 0:
        claims.parent[child] = parent
    _put_below(claims, roots, instance, parent, node, child)
    while parent >= 0:
        before = claims.blocks_below[parent]
        _sum_up(claims, parent)
        if claims.blocks_below[parent] == before:
            break
        parent = claims.parent[parent]


@kernel
def _weight(node: int) -> int:
    return mixed(np.int64(node))  # type: ignore[arg-type]


@kernel
def _precedes(claims: Records, one: int, other: int) -> bool:
    if claims.urgency[one] != claims.urgency[other]:
        return claims.urgency[one] > claims.urgency[other]
    if claims.since_us[one] != claims.since_us[other]:
        return claims.since_us[one] < claims.since_us[other]
    return claims.rank[one] < claims.rank[other]


@kernel
def _raise(claims: Records, roots: Int64Vector, instance: int, node: int) -> None:
    """Put a node in the place of its parent, and that below it; their order stays as it is."""
    parent = claims.parent[node]
    above = claims.parent[parent]
    if claims.left[parent] == node:
        moved = claims.right[node]
        claims.left[parent], claims.right[node] = moved, parent
    else:
        moved = claims.left[node]
        claims.right[parent], claims.left[node] = moved, parent
    if moved >= 0:
        claims.parent[moved] = parent
    claims.parent[parent], claims.parent[node] = node, above
    _put_below(claims, roots, instance, above, parent, node)
    claims.blocks_below[node] = claims.blocks_below[parent]
    _sum_up(claims, parent)


@kernel
def _put_below(claims: Records, roots: Int64Vector, instance: int, above: int, old: int, new: int) -> None:
    if above < 0:
        roots[instance] = new
    elif claims.left[above] == old:
        claims.left[above] = new
    else:
        claims.right[above] = new


@kernel
def _sum_up(claims: Records, node: int) -> None:
    least = claims.blocks[node]
    if claims.left[node] >= 0:
        least = min(least, claims.blocks_below[claims.left[node]])
    if claims.right[node] >= 0:
        least = min(least, claims.blocks_below[claims.right[node]])
    claims.blocks_below[node] = least


@kernel
def _least_blocks(world: World, state: State, instance: int, request: int) -> int:
    """The fewest blocks that `prospect` can say it needs, whatever is cached, under a budget that is large enough."""
    size, limits = world.settings.block_size_tokens, world.limits
    text = state.requests.text_tokens[request]
    findable = 0
    stored = state.requests.stored_tokens[request]
    if stored > 0:  # its KV has come
        return -(-text // size) - -(-stored // size)
    if limits.prefix_caching[instance] != 0:
        findable = text // size
        if state.requests.own_segment[request] < 0:
            findable = min(findable, shared_blocks(world, request))
    tokens = text - findable * size
    if tokens == 0 and world.settings.recompute_cached_prompt:
        tokens = min(text, 1)
    if limits.long_prefill_threshold_tokens[instance] > 0 and not limits.reserve_full_isl[instance]:
        tokens = min(tokens, limits.long_prefill_threshold_tokens[instance])
    return -(-tokens // size)
