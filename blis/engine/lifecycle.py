"""The states that an instance goes through: absent, loading, warm, draining, failed; only warm ones are sent requests.

The time that it spends in each is kept, because what loads or drains costs as much as what serves. Whoever drains goes
when its last request has left; that is noted when the fleet is next looked at, with the time at which it was.
"""

from blis.engine._jit import kernel
from blis.engine.codes import (
    ABSENT,
    BECAME_WARM,
    BEGAN_DRAINING,
    CANCELLED,
    DRAINING,
    FAILED,
    LISTED_FOR,
    LOADING,
    N_FLEET_EVENTS,
    NEVER_US,
    RECOVERED,
    STARTED,
    WARM,
)
from blis.engine.state import State
from blis.engine.views import World


@kernel
def note_fleet_event(state: State, now_us: int, kind: int, pool: int, instance: int, amount: int) -> None:
    """Write down what happened to the fleet; the caller has seen to the room."""
    events, entry = state.fleet.events, state.scratch.cluster[N_FLEET_EVENTS]
    events.clock_us[entry] = now_us
    events.kind[entry] = kind
    events.pool[entry] = pool
    events.instance[entry] = instance
    events.amount[entry] = amount
    state.scratch.cluster[N_FLEET_EVENTS] = entry + 1


@kernel
def pool_of(state: State, instance: int) -> int:
    """The pool of an instance."""
    pool = 0
    while state.fleet.pools.end_instance[pool] <= instance:
        pool += 1
    return pool


@kernel
def set_lifecycle(state: State, instance: int, lifecycle: int, now_us: int) -> None:
    """Let an instance be in another state from now on."""
    instances = state.instances
    spent_us, before = now_us - instances.lifecycle_since_us[instance], instances.lifecycle[instance]
    if before == LOADING:
        instances.loading_us[instance] += spent_us
    elif before == WARM:
        instances.warm_us[instance] += spent_us
    elif before == DRAINING:
        instances.draining_us[instance] += spent_us
    elif before == FAILED:
        instances.failed_us[instance] += spent_us
    instances.clock_us[instance] = max(instances.clock_us[instance], now_us)
    instances.lifecycle[instance] = lifecycle
    instances.lifecycle_since_us[instance] = now_us
    instances.lifecycle_until_us[instance] = NEVER_US
    instances.routable[instance] = 1 if lifecycle == WARM else 0
    state.scratch.cluster[LISTED_FOR] = -1


@kernel
def begin_loading(state: State, pool: int, instance: int, wanted_us: int, now_us: int) -> None:
    """Place an absent instance on its GPUs."""
    set_lifecycle(state, instance, LOADING, now_us)
    state.instances.wanted_us[instance] = wanted_us
    state.instances.lifecycle_until_us[instance] = now_us + state.fleet.pools.load_us[pool]
    note_fleet_event(state, now_us, STARTED, pool, instance, now_us - wanted_us)


@kernel
def end_waiting(state: State, instance: int, now_us: int) -> None:
    """An instance has loaded, or has recovered: it serves from now on."""
    kind = RECOVERED if state.instances.lifecycle[instance] == FAILED else BECAME_WARM
    wanted_us = state.instances.wanted_us[instance]
    set_lifecycle(state, instance, WARM, now_us)
    note_fleet_event(state, now_us, kind, pool_of(state, instance), instance, now_us - wanted_us)


@kernel
def begin_draining(state: State, pool: int, instance: int, now_us: int) -> None:
    """Send an instance no more requests; one that has not begun to serve is gone at once."""
    if state.instances.lifecycle[instance] == LOADING:
        set_lifecycle(state, instance, ABSENT, now_us)
        note_fleet_event(state, now_us, CANCELLED, pool, instance, 0)
        return
    set_lifecycle(state, instance, DRAINING, now_us)
    note_fleet_event(state, now_us, BEGAN_DRAINING, pool, instance, state.instances.in_flight_requests[instance])


@kernel
def has_drained(state: State, instance: int, now_us: int) -> bool:
    """Whether a draining instance has nothing to do any more: no request, and no step that ends later than now."""
    instances = state.instances
    return (
        instances.lifecycle[instance] == DRAINING
        and instances.in_flight_requests[instance] == 0
        and instances.outgoing_requests[instance] == 0
        and instances.busy_until_us[instance] <= now_us
    )


@kernel
def drained_us(state: State, instance: int, now_us: int) -> int:
    """When the last request of an instance that has drained by now left it.

    Its clock may be ahead: by what it had composed when it died, before it recovered.
    """
    instances = state.instances
    return max(instances.lifecycle_since_us[instance], min(now_us, instances.clock_us[instance]))


@kernel
def count_pools(world: World, state: State) -> None:
    """Bring up to date how many instances of each pool are in which state, and how many GPUs are free."""
    pools, instances = state.fleet.pools, state.instances
    for pool in range(world.settings.n_pools):
        loading, warm, draining, failed = 0, 0, 0, 0
        for instance in range(pools.first_instance[pool], pools.end_instance[pool]):
            lifecycle = instances.lifecycle[instance]
            loading += lifecycle == LOADING
            warm += lifecycle == WARM
            draining += lifecycle == DRAINING
            failed += lifecycle == FAILED
        pools.loading_instances[pool], pools.warm_instances[pool] = loading, warm
        pools.draining_instances[pool], pools.failed_instances[pool] = draining, failed
    for pool in range(world.settings.n_pools):
        free = pools.inventory_gpus[pool]
        for other in range(world.settings.n_pools):
            if pools.gpu_kind[other] == pools.gpu_kind[pool]:
                present = pools.loading_instances[other] + pools.warm_instances[other]
                present += pools.draining_instances[other] + pools.failed_instances[other]
                free -= present * pools.gpus[other]
        pools.free_gpus[pool] = max(0, free)
