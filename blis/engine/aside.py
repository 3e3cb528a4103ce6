"""Waiting requests that found no slot for their adapter: set aside, so that steps do not meet them again and again.

Whoever is set aside still waits, and counts so. Nothing can change for it before an adapter goes out of use, so it is
brought back then, to where it stood: those that are set aside stand, in their order, before all that were not looked
at yet. That is the order in which vLLM takes them, which looks at all of them in every step.
"""

from blis.engine._jit import kernel
from blis.engine.claims import BY_AGE, BY_URGENCY, enter_claim, has_claims
from blis.engine.codes import FIXED_ORDER, NOW_US
from blis.engine.heap import AS_TAKEN, meld, without_root
from blis.engine.state import State
from blis.engine.views import World
from blis.engine.waiting import remove_first, urgency_at


@kernel
def set_aside(world: World, state: State, instance: int, request: int, n_sorted: int) -> None:
    """Take the first of the queue out of it, and keep it as one that found no slot."""
    requests, holders, adapted = state.requests, state.adapters.holders, state.adapters.requests
    remove_first(world, state, instance, request, n_sorted)
    if adapted.shut_out_us[request] < 0:
        adapted.shut_out_us[request] = state.scratch.step[NOW_US]
        adapted.is_shut_out[request] = 1
    requests.link[request] = -1
    requests.back_link[request] = -1
    head, tail = holders.aside_head[instance], holders.aside_tail[instance]
    if world.settings.queue_kind == FIXED_ORDER:
        holders.aside_head[instance] = meld(AS_TAKEN, world.workload, requests, head, request)
        return
    requests.back_link[request] = tail
    holders.aside_tail[instance] = request
    if tail >= 0:
        requests.link[tail] = request
    else:
        holders.aside_head[instance] = request


@kernel
def bring_back(world: World, state: State, instance: int) -> None:
    """Put all that were set aside back to where they stood in the queue."""
    requests, instances, holders = state.requests, state.instances, state.adapters.holders
    first = holders.aside_head[instance]
    if first < 0:
        return
    if has_claims(state, BY_AGE, instance) or has_claims(state, BY_URGENCY, instance):
        _claim_again(world, state, instance)
        first = holders.aside_head[instance]
    head = instances.waiting_head[instance]
    if world.settings.queue_kind == FIXED_ORDER:
        instances.waiting_head[instance] = meld(AS_TAKEN, world.workload, requests, head, first)
    else:
        last = holders.aside_tail[instance]
        requests.link[last] = head
        if head >= 0:
            requests.back_link[head] = last
        else:
            instances.waiting_tail[instance] = last
        instances.waiting_head[instance] = first
    holders.aside_head[instance] = -1
    holders.aside_tail[instance] = -1


@kernel
def _claim_again(world: World, state: State, instance: int) -> None:
    """Let those that were set aside have their claims to be taken again, which a trace keeps."""
    requests, holders = state.requests, state.adapters.holders
    request = holders.aside_head[instance]
    if world.settings.queue_kind != FIXED_ORDER:
        while request >= 0:
            _claim_one(world, state, instance, request)
            request = requests.link[request]
        return
    root = -1
    while request >= 0:  # a heap is gone through by taking it apart
        rest = without_root(AS_TAKEN, world.workload, requests, request)
        requests.link[request] = -1
        requests.back_link[request] = -1
        _claim_one(world, state, instance, request)
        root = meld(AS_TAKEN, world.workload, requests, root, request)
        request = rest
    holders.aside_head[instance] = root


@kernel
def _claim_one(world: World, state: State, instance: int, request: int) -> None:
    if has_claims(state, BY_AGE, instance):
        enter_claim(world, state, BY_AGE, instance, request, 0.0)
    if has_claims(state, BY_URGENCY, instance):
        enter_claim(world, state, BY_URGENCY, instance, request, urgency_at(world, state, instance, request, 0))
