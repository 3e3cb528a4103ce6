"""The wait queue of an instance, kept so that taking the next request never costs more than its order demands.

Arrival order is a doubly linked list; an order that cannot change while requests wait is a heap; one that
can is worked out anew in every step that has room for a request, and only then.
"""

import numpy as np

from blis.engine._jit import kernel
from blis.engine.adapters import count_adapter_waiting
from blis.engine.claims import BY_AGE, BY_URGENCY, enter_claim, has_claims, leave_claim
from blis.engine.codes import CHANGING_ORDER, FIXED_ORDER
from blis.engine.heap import AS_TAKEN, meld, taken_before, without_root
from blis.engine.outlook import look_at_queued
from blis.engine.reference import by_reference
from blis.engine.service import count_batch, lift_tenant
from blis.engine.state import State
from blis.engine.views import (
    ORDERS,
    PRIORITISES,
    PRIORITY,
    RANKS_URGENCY,
    SCHEDULING,
    QueueView,
    RequestView,
    World,
    order_at,
    prioritise_at,
)


@kernel
def request_view(world: World, state: State, request: int) -> RequestView:
    """What a policy may see of a request."""
    workload, requests = world.workload, state.requests
    expected = 0.0
    if world.settings.needs_expected_output:
        expected = state.learned.requests.expected_output_tokens[request]
    return RequestView(
        np.int64(request),  # type: ignore[arg-type]
        requests.arrival_us[request],
        workload.table.input_tokens[request],
        workload.table.prompt_blocks[request],
        workload.table.slo_class[request],
        workload.table.tenant[request],
        workload.table.session[request],
        workload.table.turn[request],
        workload.table.prompt[request],
        requests.preemptions[request],
        requests.priority[request],
        workload.table.ttft_target_us[request],
        expected,
        workload.table.itl_target_us[request],
        workload.table.adapter[request],
    )


@kernel
def queue_view(world: World, state: State, instance: int, request: int, clock_us: int) -> QueueView:
    """What an instance's scheduler may see of its instance when it is asked about a request."""
    instances, uncached = state.instances, np.int64(0)
    if world.settings.needs_uncached_tokens:
        uncached = state.learned.requests.uncached_tokens[request]
    prompts, written, lift = np.int64(0), np.int64(0), 0.0
    if world.settings.needs_service:
        tenants = state.learned.tenants
        place = instance * world.settings.n_tenants + world.workload.table.tenant[request]
        prompts, lift = tenants.input_tokens[place], tenants.lift[place]
        written = tenants.written_tokens[place] + tenants.batch_tokens[place]
    return QueueView(
        clock_us,
        instance,
        instances.queued_requests[instance],
        instances.running_requests[instance],
        world.limits.total_blocks[instance] - instances.used_blocks[instance],
        world.limits.total_blocks[instance],
        uncached,  # type: ignore[arg-type]
        prompts,  # type: ignore[arg-type]
        written,  # type: ignore[arg-type]
        lift,
    )


@kernel
def prioritise_request(world: World, state: State, instance: int, request: int, clock_us: int) -> None:
    """Work out how urgent a request is at `clock_us`."""
    look_at_queued(world, state, instance, request)
    view = by_reference(queue_view(world, state, instance, request, clock_us))
    seen = by_reference(request_view(world, state, request))
    state.requests.priority[request] = prioritise_at(world.answers[PRIORITISES])(
        view, seen, world.parameters[PRIORITY], world.memory[PRIORITY]
    )


@kernel
def urgency_at(world: World, state: State, instance: int, request: int, clock_us: int) -> float:
    """How urgent a request is at `clock_us` by the priority that the chosen one stands for."""
    view = by_reference(queue_view(world, state, instance, request, clock_us))
    seen = by_reference(request_view(world, state, request))
    return prioritise_at(world.answers[RANKS_URGENCY])(view, seen, world.parameters[PRIORITY], world.memory[PRIORITY])


@kernel
def rank_request(world: World, state: State, instance: int, request: int, clock_us: int) -> None:
    """Work out a waiting request's priority and its place in the scheduler's order."""
    prioritise_request(world, state, instance, request, clock_us)
    view = by_reference(queue_view(world, state, instance, request, clock_us))
    seen = by_reference(request_view(world, state, request))
    state.requests.queue_key[request] = order_at(world.answers[ORDERS])(
        view, seen, world.parameters[SCHEDULING], world.memory[SCHEDULING]
    )


@kernel
def count_waiting(world: World, state: State, instance: int, request: int) -> None:
    """Count a request as waiting, whether or not it can be taken yet."""
    instances = state.instances
    instances.queued_requests[instance] += 1
    instances.queued_tokens[instance] += _missing_tokens(world, state, request)
    if instances.queued_requests[instance] > instances.peak_queue[instance]:
        instances.peak_queue[instance] = instances.queued_requests[instance]
    if world.settings.has_adapters:
        count_adapter_waiting(world, state, instance, request, 1)


@kernel
def forget_waiting(world: World, state: State, instance: int, request: int) -> None:
    """Undo `count_waiting`."""
    state.instances.queued_requests[instance] -= 1
    state.instances.queued_tokens[instance] -= _missing_tokens(world, state, request)
    if world.settings.has_adapters:
        count_adapter_waiting(world, state, instance, request, -1)


@kernel
def _missing_tokens(world: World, state: State, request: int) -> int:
    """Tokens of a waiting request's text whose KV it has not; only who has waited for KV, or was swapped, has any."""
    missing = state.requests.text_tokens[request] - state.requests.stored_tokens[request]
    if world.settings.swaps:
        missing -= state.swap.requests.tokens[request]
    return missing


@kernel
def enqueue(world: World, state: State, instance: int, request: int, at_front: bool) -> None:
    """Put a request that counts as waiting into the wait queue: at the end, or at the front after a preemption."""
    requests, instances = state.requests, state.instances
    if world.settings.needs_service:
        _join_tenant(world, state, instance, request, at_front)
    if has_claims(state, BY_AGE, instance):
        enter_claim(world, state, BY_AGE, instance, request, 0.0)
    if has_claims(state, BY_URGENCY, instance):
        enter_claim(world, state, BY_URGENCY, instance, request, urgency_at(world, state, instance, request, 0))
    if world.settings.queue_kind == FIXED_ORDER:
        # The order never changes, so one reference time serves all: time 0.
        rank_request(world, state, instance, request, 0)
        requests.link[request] = -1
        requests.back_link[request] = -1
        head = instances.waiting_head[instance]
        instances.waiting_head[instance] = meld(AS_TAKEN, world.workload, requests, head, request)
        return
    head, tail = instances.waiting_head[instance], instances.waiting_tail[instance]
    if at_front:
        requests.link[request] = head
        requests.back_link[request] = -1
        instances.waiting_head[instance] = request
        if head >= 0:
            requests.back_link[head] = request
        else:
            instances.waiting_tail[instance] = request
    else:
        requests.link[request] = -1
        requests.back_link[request] = tail
        instances.waiting_tail[instance] = request
        if tail >= 0:
            requests.link[tail] = request
        else:
            instances.waiting_head[instance] = request


@kernel
def _join_tenant(world: World, state: State, instance: int, request: int, was_preempted: bool) -> None:
    """Count a request among those of its tenant that wait; a tenant that sends again may be lifted."""
    tenant = world.workload.table.tenant[request]
    place = instance * world.settings.n_tenants + tenant
    if state.learned.tenants.queued_requests[place] == 0 and not was_preempted:
        lift_tenant(world, state, instance, tenant)
    state.learned.tenants.queued_requests[place] += 1


@kernel
def first_waiting(world: World, state: State, instance: int) -> int:
    """The request that would be taken next; the queue is not empty and, if its order changes, has been sorted."""
    if world.settings.queue_kind == CHANGING_ORDER:
        return state.scratch.order[0]
    return state.instances.waiting_head[instance]


@kernel
def take_first(world: World, state: State, instance: int, n_sorted: int) -> None:
    """Remove the request that `first_waiting` names; `n_sorted` requests are left in the sorted part."""
    request = first_waiting(world, state, instance)
    forget_waiting(world, state, instance, request)
    if world.settings.needs_service:
        place = instance * world.settings.n_tenants + world.workload.table.tenant[request]
        state.learned.tenants.queued_requests[place] -= 1
    remove_first(world, state, instance, request, n_sorted)


@kernel
def remove_first(world: World, state: State, instance: int, request: int, n_sorted: int) -> None:
    """Take the request that `first_waiting` names out of the queue, whether or not it waits on."""
    requests, instances = state.requests, state.instances
    for order in range(2):
        if has_claims(state, order, instance):
            leave_claim(state, order, instance, request)
    if world.settings.queue_kind == FIXED_ORDER:
        instances.waiting_head[instance] = without_root(AS_TAKEN, world.workload, requests, request)
        return
    unlink_waiting(state, instance, request)
    if world.settings.queue_kind == CHANGING_ORDER:
        last = state.scratch.order[n_sorted - 1]
        state.scratch.order[0] = last
        _sift_down(world, state, 0, n_sorted - 1)


@kernel
def unlink_waiting(state: State, instance: int, request: int) -> None:
    """Take a request out of the list of those that wait, wherever it stands."""
    requests, instances = state.requests, state.instances
    before, after = requests.back_link[request], requests.link[request]
    if before >= 0:
        requests.link[before] = after
    else:
        instances.waiting_head[instance] = after
    if after >= 0:
        requests.back_link[after] = before
    else:
        instances.waiting_tail[instance] = before
    requests.link[request] = -1
    requests.back_link[request] = -1


@kernel
def look_at_batch(world: World, state: State, instance: int) -> None:
    """Bring up to date what the running requests have got, in the middle of a step."""
    if world.settings.needs_service:
        count_batch(world, state, instance, state.instances.step_number[instance])


@kernel
def look_at_waiting(world: World, state: State, instance: int) -> None:
    """Bring up to date what is known of all that wait and run, before Python decides about them."""
    look_at_batch(world, state, instance)
    request = state.instances.waiting_head[instance]
    while request >= 0:
        look_at_queued(world, state, instance, request)
        request = state.requests.link[request]


@kernel
def sort_waiting(world: World, state: State, instance: int, clock_us: int) -> int:
    """Work out every waiting request's place now, and arrange them as a heap; return their number."""
    count = 0
    if not world.settings.asks_order:
        look_at_batch(world, state, instance)
    request = state.instances.waiting_head[instance]
    while request >= 0:
        if not world.settings.asks_order:
            rank_request(world, state, instance, request, clock_us)
        state.scratch.order[count] = request
        count += 1
        request = state.requests.link[request]
    for place in range(count // 2 - 1, -1, -1):
        _sift_down(world, state, place, count)
    return count


@kernel
def _sift_down(world: World, state: State, place: int, count: int) -> None:
    order = state.scratch.order
    moving = order[place]
    while True:
        child = 2 * place + 1
        if child >= count:
            break
        if child + 1 < count and taken_before(world.workload, state.requests, order[child + 1], order[child]):
            child += 1
        if not taken_before(world.workload, state.requests, order[child], moving):
            break
        order[place] = order[child]
        place = child
    order[place] = moving
