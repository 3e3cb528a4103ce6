"""The queues of events and requests: two pairing heaps threaded through the requests, and a binary heap per instance.

A pairing heap needs two links per request and no room of its own; `link` holds the next sibling, `back_link`
the first child. A request is in at most one of them at a time. Melding puts the loser first among the
winner's children; extraction melds the children in pairs from the left and then from the right (Fredman et
al., "The pairing heap", 1986).
"""

from blis.engine._jit import kernel
from blis.engine.records import Records
from blis.engine.state import Workload
from blis.foundation.units import Int64Vector

#: Orders of a pairing heap: that in which requests enter their wait queue, and that in which the scheduler takes them.
AS_QUEUED, AS_TAKEN = range(2)


@kernel
def queued_before(requests: Records, a: int, b: int) -> bool:
    """Whether a enters its wait queue before b: by time, then by order of routing."""
    if requests.queued_us[a] != requests.queued_us[b]:
        return requests.queued_us[a] < requests.queued_us[b]
    return requests.routing_rank[a] < requests.routing_rank[b]


@kernel
def taken_before(workload: Workload, requests: Records, a: int, b: int) -> bool:
    """Whether the scheduler takes a before b: smaller key, then earlier arrival, then the name as text."""
    if requests.queue_key[a] != requests.queue_key[b]:
        return requests.queue_key[a] < requests.queue_key[b]
    if requests.arrival_us[a] != requests.arrival_us[b]:
        return requests.arrival_us[a] < requests.arrival_us[b]
    return name_before(workload.table.number[a], workload.table.number[b])


@kernel
def name_before(a: int, b: int) -> bool:
    """Whether the text of number a sorts before that of b: 10 before 2, and 1 before 10."""
    shorter_a, shorter_b = a, b
    digits_a, digits_b = 1, 1
    while shorter_a >= 10:
        shorter_a //= 10
        digits_a += 1
    while shorter_b >= 10:
        shorter_b //= 10
        digits_b += 1
    scaled_a, scaled_b = a, b
    for _ in range(digits_a, digits_b):
        scaled_a *= 10
    for _ in range(digits_b, digits_a):
        scaled_b *= 10
    if scaled_a != scaled_b:
        return scaled_a < scaled_b
    return digits_a < digits_b


@kernel
def meld(order: int, workload: Workload, requests: Records, a: int, b: int) -> int:
    """Meld two pairing heaps of requests by their roots, which are first in `order`; -1 is empty."""
    if a < 0:
        return b
    if b < 0:
        return a
    if order == AS_QUEUED:
        turned = queued_before(requests, b, a)
    else:
        turned = taken_before(workload, requests, b, a)
    if turned:
        a, b = b, a
    requests.link[b] = requests.back_link[a]
    requests.back_link[a] = b
    return a


@kernel
def without_root(order: int, workload: Workload, requests: Records, root: int) -> int:
    """Root of a pairing heap without its present root."""
    pairs = -1
    child = requests.back_link[root]
    while child >= 0:
        second = requests.link[child]
        rest = requests.link[second] if second >= 0 else -1
        requests.link[child] = -1
        if second >= 0:
            requests.link[second] = -1
        pair = meld(order, workload, requests, child, second)
        requests.link[pair] = pairs
        pairs = pair
        child = rest
    merged = -1
    while pairs >= 0:
        rest = requests.link[pairs]
        requests.link[pairs] = -1
        merged = meld(order, workload, requests, merged, pairs)
        pairs = rest
    requests.back_link[root] = -1
    return merged


@kernel
def _rise(steps: Int64Vector, members: Int64Vector, place: int, step: int, request: int) -> None:
    """Put an entry at the free `place`, or as far above it as its step asks for."""
    while place > 0:
        parent = (place - 1) >> 1
        if steps[parent] <= step:
            break
        steps[place] = steps[parent]
        members[place] = members[parent]
        place = parent
    steps[place] = step
    members[place] = request


@kernel
def push_finish(steps: Int64Vector, members: Int64Vector, size: int, step: int, request: int) -> None:
    """Add a member to a binary heap of `size` entries that is ordered by last step."""
    _rise(steps, members, size, step, request)


@kernel
def replace_finish(steps: Int64Vector, members: Int64Vector, size: int, place: int, step: int, request: int) -> None:
    """Put a new entry at `place` of a heap of `size` entries and restore the order below and above."""
    while True:
        child = 2 * place + 1
        if child >= size:
            break
        if child + 1 < size and steps[child + 1] < steps[child]:
            child += 1
        if steps[child] >= step:
            break
        steps[place] = steps[child]
        members[place] = members[child]
        place = child
    _rise(steps, members, place, step, request)


@kernel
def remove_finish(steps: Int64Vector, members: Int64Vector, size: int, request: int) -> None:
    """Remove a member from a heap of `size` entries."""
    place = 0
    while members[place] != request:
        place += 1
    last = size - 1
    if place != last:
        replace_finish(steps, members, last, place, steps[last], members[last])
