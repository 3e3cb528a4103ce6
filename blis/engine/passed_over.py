"""Who is passed over when a batch is formed: the first of the queue by another, and the urgent by the less urgent."""

from blis.engine._jit import kernel
from blis.engine.claims import BY_AGE, BY_URGENCY, EMPTY, claim_node, enter_claim, has_claims
from blis.engine.codes import BUDGET, BY_PRIORITY, BY_QUEUEING, CHANGING_ORDER, FIXED_ORDER, NOW_US, TAKEN_FROM
from blis.engine.free_blocks import free_blocks
from blis.engine.state import State
from blis.engine.taking import prospect
from blis.engine.views import World
from blis.engine.waiting import first_waiting, urgency_at

_NOBODY = -1
_WITHOUT_BOUND = 2**62


@kernel
def first_that_fits(world: World, state: State, instance: int, blocked: int) -> int:
    """The earliest queued request other than `blocked` for which there are blocks now; -1: none."""
    budget = max(1, state.scratch.step[BUDGET])
    free = free_blocks(world, state, instance)
    if free <= 0:  # every request needs a block
        return _NOBODY
    return _first_in_order(world, state, BY_AGE, instance, budget, free, blocked, _NOBODY, 0.0)


@kernel
def look_for_inversion(world: World, state: State, instance: int, entry: int) -> None:
    """Find the most urgent request that still waits, though it would have fitted in place of a less urgent one taken.

    More urgent is: by the policies' own order at this moment, and among equals whoever has the older claim.
    """
    step, requests, samples = state.scratch.step, state.requests, state.trace.samples
    first, last = step[TAKEN_FROM], state.instances.running_requests[instance]
    least = state.batches.members[instance, first]
    least_urgency = _urgency(world, state, instance, least)
    for place in range(first + 1, last):
        request = state.batches.members[instance, place]
        urgency = _urgency(world, state, instance, request)
        if urgency < least_urgency or (urgency == least_urgency and _is_older(world, state, least, request)):
            least, least_urgency = request, urgency
    if world.settings.queue_kind != CHANGING_ORDER and _is_taken_by_claim(world):
        head = first_waiting(world, state, instance)  # if not even it goes before those taken, nobody does
        if not _goes_first(world, state, head, _urgency(world, state, instance, head), least, least_urgency):
            return
    size, budget = world.settings.block_size_tokens, world.limits.step_token_budget[instance]
    room = free_blocks(world, state, instance) + -(-requests.stored_tokens[least] // size)
    if world.settings.queue_kind == CHANGING_ORDER:
        passed = _first_of_all(world, state, instance, budget, room, least, least_urgency)
    else:
        order = BY_AGE if world.settings.urgency_kind == BY_QUEUEING else BY_URGENCY
        passed = _first_in_order(world, state, order, instance, budget, room, _NOBODY, least, least_urgency)
    if passed < 0:
        return
    passed_urgency = _urgency(world, state, instance, passed)
    samples.passed_request[entry] = passed
    samples.inverted_request[entry] = least
    for place in range(first, last):
        request = state.batches.members[instance, place]
        if _goes_first(world, state, passed, passed_urgency, request, _urgency(world, state, instance, request)):
            samples.inverted_requests[entry] += 1


@kernel
def _is_taken_by_claim(world: World) -> bool:
    """Whether the order of taking is that by which inversions are judged."""
    return world.settings.urgency_kind == BY_QUEUEING or world.settings.takes_urgent_first != 0


@kernel
def _first_in_order(
    world: World, state: State, order: int, instance: int, budget: int, room: int, besides: int, least: int,
    least_urgency: float,
) -> int:  # fmt: skip
    """The first request in an order of claims, other than `besides` and before `least`, that fits into `room`."""
    if not has_claims(state, order, instance):
        _begin_claims(world, state, order, instance)
    most = room
    if state.instances.running_requests[instance] > 0:
        most -= world.limits.watermark_blocks[instance]
    if not world.limits.reserve_full_isl[instance] and -(-budget // world.settings.block_size_tokens) <= most:
        most = _WITHOUT_BOUND  # a chunk as long as the budget fits, so the length does not matter
    claims, path, first = state.trace.claims, state.scratch.order, claim_node(state, order, 0)
    depth, node = 0, state.trace.claim_roots[order, instance]
    while True:
        while node >= 0 and claims.blocks_below[node] <= most:
            path[depth] = node
            depth += 1
            node = claims.left[node]
        if depth == 0:
            return _NOBODY
        depth -= 1
        node = path[depth]
        if claims.blocks[node] <= most:
            request = node - first
            if least >= 0 and not _goes_first(world, state, request, claims.urgency[node], least, least_urgency):
                return _NOBODY
            if request != besides and prospect(world, state, instance, request, budget)[4] <= room:
                return request
        node = claims.right[node]


@kernel
def _first_of_all(
    world: World, state: State, instance: int, budget: int, room: int, least: int, least_urgency: float
) -> int:
    """The most urgent request before `least` that fits, where the order changes and all are looked at in any case."""
    passed, passed_urgency = _NOBODY, 0.0
    for place in range(_list_waiting(world, state, instance)):
        request = state.scratch.order[place]
        urgency = _urgency(world, state, instance, request)
        if not _goes_first(world, state, request, urgency, least, least_urgency):
            continue
        if passed >= 0 and not _goes_first(world, state, request, urgency, passed, passed_urgency):
            continue
        if prospect(world, state, instance, request, budget)[4] <= room:
            passed, passed_urgency = request, urgency
    return passed


@kernel
def _begin_claims(world: World, state: State, order: int, instance: int) -> None:
    """Make the tree of an order that is searched for the first time; from now on it is kept."""
    claims = state.trace.claims
    if order == BY_URGENCY:
        for place in range(state.scratch.step[TAKEN_FROM], state.instances.running_requests[instance]):
            request = state.batches.members[instance, place]
            claims.urgency[claim_node(state, order, request)] = _urgency(world, state, instance, request)
    state.trace.claim_roots[order, instance] = EMPTY
    for place in range(_list_waiting(world, state, instance)):
        request = state.scratch.order[place]
        urgency = urgency_at(world, state, instance, request, 0) if order == BY_URGENCY else 0.0
        enter_claim(world, state, order, instance, request, urgency)


@kernel
def _list_waiting(world: World, state: State, instance: int) -> int:
    """Write the waiting requests into `scratch.order`, in no particular order; return their number.

    Only between the taking and the end of a step, when `scratch.order` is free.
    """
    requests, order = state.requests, state.scratch.order
    request = state.instances.waiting_head[instance]
    count = 0
    if request < 0:
        return count
    order[0] = request
    count = 1
    if world.settings.queue_kind != FIXED_ORDER:
        while requests.link[order[count - 1]] >= 0:
            order[count] = requests.link[order[count - 1]]
            count += 1
        return count
    place = 0
    while place < count:  # a heap's children hang below their parents
        child = requests.back_link[order[place]]
        while child >= 0:
            order[count] = child
            count += 1
            child = requests.link[child]
        place += 1
    return count


@kernel
def _is_older(world: World, state: State, one: int, other: int) -> bool:
    """Whether one has the older claim: by arrival where priorities decide, by entering the queue where they do not."""
    requests = state.requests
    if world.settings.urgency_kind == BY_PRIORITY:
        return requests.arrival_us[one] < requests.arrival_us[other]
    if requests.queued_us[one] != requests.queued_us[other]:
        return requests.queued_us[one] < requests.queued_us[other]
    return requests.routing_rank[one] < requests.routing_rank[other]


@kernel
def _urgency(world: World, state: State, instance: int, request: int) -> float:
    """How urgent the request is by the order that the policies stand for; equal where there is none."""
    if world.settings.urgency_kind != BY_PRIORITY:
        return 0.0
    if world.settings.queue_kind == CHANGING_ORDER:
        return urgency_at(world, state, instance, request, state.scratch.step[NOW_US])
    if has_claims(state, BY_URGENCY, instance):  # whoever has been taken since has waited in the tree
        return state.trace.claims.urgency[claim_node(state, BY_URGENCY, request)]
    # An order that never changes is that of time 0, as the queue itself keeps it.
    return urgency_at(world, state, instance, request, 0)


@kernel
def _goes_first(world: World, state: State, one: int, urgency: float, other: int, other_urgency: float) -> bool:
    return urgency > other_urgency or (urgency == other_urgency and _is_older(world, state, one, other))
