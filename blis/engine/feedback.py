"""Arrivals that wait for the end of another request: turns of a conversation, users who wait for their answer.

Instances run ahead of each other between two events of the cluster. An arrival that a completion calls for may
fall into that time, so nobody may run further than the earliest such arrival can be: the least time that any instance
needs until its next completion, plus the shortest think time (the lookahead of conservative parallel simulation; Chandy
and Misra, "Distributed simulation", 1979). The number of steps until a completion is known, for a decoding request
exactly; a step takes at least as long as the smallest one, because no latency model's time falls as a batch grows.
"""

from blis.engine._jit import kernel
from blis.engine.codes import ARRIVAL_ROOT, NEVER_US, NEXT_FIXED
from blis.engine.heap import AS_QUEUED, meld, without_root
from blis.engine.prefetch import prefetch_request
from blis.engine.state import State
from blis.engine.views import World

#: A client that is refused waits so long, and its think time, before it asks again [µs]: without it, users without a
#: pause would spend all their requests in the microsecond of the first refusal.
REFUSED_PAUSE_US = 1_000_000


@kernel
def release_followers(world: World, state: State, request: int, ended_us: int) -> None:
    """Let the requests that waited for this one arrive, each after its think time."""
    table, requests, cluster = world.workload.table, state.requests, state.scratch.cluster
    follower = table.first_follower[request]
    while follower >= 0:
        arrival_us = ended_us + table.think_us[follower]
        requests.arrival_us[follower] = arrival_us
        # On the way they are ordered as in the heap of an instance: by time, then by number.
        requests.queued_us[follower] = arrival_us
        requests.routing_rank[follower] = follower
        requests.link[follower] = -1
        requests.back_link[follower] = -1
        cluster[ARRIVAL_ROOT] = meld(AS_QUEUED, world.workload, requests, cluster[ARRIVAL_ROOT], follower)
        follower = table.next_follower[follower]


@kernel
def next_arrival(world: World, state: State) -> int:
    """Request that arrives next among those whose time of arrival is known; -1: none."""
    cluster, requests, n = state.scratch.cluster, state.requests, world.workload.table.shape[0]
    if world.settings.lookahead_us == NEVER_US and world.settings.retry_attempts == 0:
        return cluster[NEXT_FIXED] if cluster[NEXT_FIXED] < n else -1
    while cluster[NEXT_FIXED] < n and world.workload.table.think_us[cluster[NEXT_FIXED]] >= 0:
        cluster[NEXT_FIXED] += 1
    fixed, root = cluster[NEXT_FIXED], cluster[ARRIVAL_ROOT]
    if fixed >= n:
        return root
    if root < 0:
        return fixed
    if requests.arrival_us[root] != requests.arrival_us[fixed]:
        return root if requests.arrival_us[root] < requests.arrival_us[fixed] else fixed
    return min(root, fixed)


@kernel
def remove_arrival(world: World, state: State, request: int) -> None:
    """Forget the arrival that `next_arrival` named: it has been admitted or refused."""
    cluster = state.scratch.cluster
    if request == cluster[ARRIVAL_ROOT]:
        cluster[ARRIVAL_ROOT] = without_root(AS_QUEUED, world.workload, state.requests, request)
    else:
        cluster[NEXT_FIXED] += 1
        prefetch_request(world, state, cluster[NEXT_FIXED] + 1)


@kernel
def safe_until_us(world: World, state: State) -> int:
    """Time before which no arrival can still be called for by a request that ends on an instance."""
    return min(NEVER_US, earliest_end_us(world, state) + world.settings.lookahead_us)


@kernel
def earliest_end_us(world: World, state: State) -> int:
    """Time before which nobody sees a request end on an instance; NEVER_US if all are idle."""
    instances = state.instances
    earliest_us = NEVER_US
    for instance in range(world.settings.n_instances):
        if instances.next_event_us[instance] == NEVER_US:
            continue
        steps = world.settings.least_steps
        if instances.pending_requests[instance] > 0 or instances.resuming_requests[instance] > 0:
            steps = 1  # it may be dropped at once, or lack no more than its last token
        if instances.decode_requests[instance] > 0:
            first = state.batches.finish_step[instance, 0]
            most = 1 + world.limits.draft_tokens[instance]  # tokens of a step
            steps = max(1, min(steps, -(-(first - instances.step_number[instance]) // most)))
        # The step of the completion begins after the others; one microsecond is what any step takes.
        before_us = (steps - 1) * world.limits.least_step_us[instance] + 1
        earliest_us = min(earliest_us, instances.next_event_us[instance] + before_us)
    return earliest_us
