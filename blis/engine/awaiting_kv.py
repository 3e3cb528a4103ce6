"""Requests that wait, with blocks reserved on an instance, until KV from elsewhere has arrived there.

As a request of vLLM in the state WAITING_FOR_REMOTE_KVS (vllm/v1/core/sched/scheduler.py): it holds blocks, counts
neither as waiting nor as running, and takes no part in batches. Once its KV is there it stands at the head of the wait
queue with these tokens computed, and is taken by the ordinary rules; where the order of taking is a policy's, by that.
Full blocks that have come can be found by others from then on. Of a text whose KV is all there the last token is
computed again, as a decode, because nothing else gives the token after it; its KV has its place already.

A request that waits in the queue and has stored tokens is one whose KV has come: nobody else who waits has any.

Such a request holds blocks and cannot give way, since it does not run. So where nobody runs and whoever is next lacks
blocks, or whoever runs alone does, KV that has come is given up, the latest first: its request stays in the queue and
computes what it lost. Where blocks are held by KV that is still moving instead, whoever is next, or computes its prompt
alone, waits with what it has until that has come or gone. vLLM has no such rules: it would wait for ever, or take and
preempt the same request again and again.
"""

from blis.engine._jit import kernel
from blis.engine.aside import bring_back
from blis.engine.codes import AWAITING_KV, NOW_US, QUEUED
from blis.engine.holding import fill_blocks, release
from blis.engine.next_event import call_for_step, set_next_event
from blis.engine.own_blocks import key_own_blocks, new_own_segments
from blis.engine.ranked_heap import make_node, melded, without
from blis.engine.room import has_room_beside
from blis.engine.sequence import keyed_blocks, own_segments
from blis.engine.state import State
from blis.engine.step_end import note_event
from blis.engine.swapping import keep_copy
from blis.engine.views import World
from blis.engine.waiting import count_waiting, enqueue, forget_waiting


@kernel
def park(world: World, state: State, instance: int, request: int, ready_us: int) -> None:
    """Let a request wait on its instance until its KV is there.

    The caller has taken it out of every other structure, has set `requests.instance` and `stored_tokens`, which says
    how many tokens will have been computed when the KV is there, and has taken the blocks for these. Where the KV of
    some was found here, `registered_blocks` says how many of the blocks have keys.
    """
    requests, instances, awaiting = state.requests, state.instances, state.awaiting
    requests.status[request] = AWAITING_KV
    requests.link[request] = -1
    requests.back_link[request] = -1
    make_node(awaiting, request, float(ready_us), requests.routing_rank[request])
    instances.awaiting_root[instance] = melded(awaiting, instances.awaiting_root[instance], request)
    instances.awaiting_kv_requests[instance] += 1
    set_next_event(state, instance)


@kernel
def next_awaiting(state: State, instance: int) -> int:
    """Take the request whose KV arrives next out of those that wait for it."""
    request = state.instances.awaiting_root[instance]
    stop_awaiting(state, instance, request)
    return request


@kernel
def stop_awaiting(state: State, instance: int, request: int) -> None:
    """Take a request out of those that wait for their KV, whenever that arrives; it keeps its blocks."""
    instances = state.instances
    instances.awaiting_root[instance] = without(state.awaiting, instances.awaiting_root[instance], request)
    instances.awaiting_kv_requests[instance] -= 1


@kernel
def receive_kv(world: World, state: State, instance: int, now_us: int) -> bool:
    """Let the request whose KV arrives now stand at the head of the queue; False, and nothing happens, without room."""
    requests, instances = state.requests, state.instances
    request = instances.awaiting_root[instance]
    offsets = world.workload.segment_offsets
    most_runs = offsets[request + 1] - offsets[request] + own_segments(world, request)
    if not has_room_beside(world, state, instance, most_runs):
        return False
    request = next_awaiting(state, instance)
    note_event(state, instance, now_us)
    state.scratch.step[NOW_US] = now_us
    full = requests.stored_tokens[request] // world.settings.block_size_tokens
    fill_blocks(world, state, instance, request, min(full, keyed_blocks(world, state, request)))
    requests.status[request] = QUEUED
    count_waiting(world, state, instance, request)
    if world.settings.has_adapters:  # nobody that was set aside stands before it
        bring_back(world, state, instance)
    enqueue(world, state, instance, request, True)
    make_node(state.awaiting, request, -float(now_us), -requests.routing_rank[request])
    instances.loaded_root[instance] = melded(state.awaiting, instances.loaded_root[instance], request)
    call_for_step(world, state, instance, now_us)
    return True


@kernel
def leave_loaded(state: State, instance: int, request: int) -> None:
    """A request whose KV has come waits no more."""
    instances = state.instances
    instances.loaded_root[instance] = without(state.awaiting, instances.loaded_root[instance], request)


@kernel
def has_loaded(world: World, state: State, instance: int) -> bool:
    """Whether a waiting request holds KV that has come."""
    return world.settings.awaits_kv != 0 and state.instances.loaded_root[instance] >= 0


@kernel
def give_up_loaded(world: World, state: State, instance: int) -> bool:
    """Let the request whose KV came last lose it, and wait on without; False, and nothing happens, without room."""
    requests = state.requests
    request = state.instances.loaded_root[instance]
    if not has_room_beside(world, state, instance, 2 + new_own_segments(world, state, request)):
        return False
    leave_loaded(state, instance, request)
    forget_waiting(world, state, instance, request)
    stored = requests.stored_tokens[request]
    key_own_blocks(world, state, instance, request, stored)
    release(world, state, instance, request, stored, stored)
    if world.settings.swaps:
        keep_copy(state, instance, request, stored)
    requests.stored_tokens[request] = 0
    requests.registered_blocks[request] = 0
    requests.detached_blocks[request] = 0
    count_waiting(world, state, instance, request)
    return True


@kernel
def has_moving_kv(state: State, instance: int) -> bool:
    """Whether KV is on its way to an instance, or from it, or waits there to leave."""
    instances = state.instances
    return (
        instances.awaiting_root[instance] >= 0
        or instances.outgoing_root[instance] >= 0
        or instances.awaiting_transfer_requests[instance] > 0
    )
