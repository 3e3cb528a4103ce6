"""What happens to the fleet: instances die, recover, begin to serve, and a policy says how many there should be.

These are events of the cluster. At one moment they follow its arrivals, admissions and routings, in this order: what
fails; what has loaded, recovered or drained; what was decided before and takes effect now; what the policy reads; what
it decides, which takes effect at once if nothing delays it. Nothing happens any more once every request has ended.
"""

from blis.engine._jit import kernel
from blis.engine.adapters import forget_adapters
from blis.engine.codes import (
    ABSENT,
    ACTUATES_US,
    ANSWERED,
    ASKED,
    AT_SCALING,
    DECIDED,
    DECIDED_US,
    DIED,
    DONE,
    DRAINING,
    EVENTS,
    FAILED,
    GROW,
    LOADING,
    N_ABANDONED,
    N_CANCELLED,
    N_CANCELLED_SENT,
    N_EVICTIONS,
    N_FLEET_EVENTS,
    N_GATEWAY_EVICTED,
    N_GATEWAY_REJECTED,
    N_REJECTED,
    N_RETURNED,
    N_ROUTED,
    N_UNROUTABLE,
    NEVER_US,
    NEXT_FAILURE,
    NEXT_FLEET_US,
    NEXT_READING_US,
    NEXT_TICK_US,
    NOT_ASKED,
    OUT_OF_EVENTS,
    READ_BEFORE_US,
    READ_US,
    SCALING_STAGE,
    STUCK_INSTANCE,
    UNPLACED,
    WARM,
    WENT,
)
from blis.engine.emptying import empty_instance, hand_back
from blis.engine.fleet_view import fleet_view, scale_at
from blis.engine.forgetting import forget_cache, forget_sent
from blis.engine.lifecycle import (
    begin_draining,
    begin_loading,
    count_pools,
    drained_us,
    end_waiting,
    has_drained,
    note_fleet_event,
    pool_of,
    set_lifecycle,
)
from blis.engine.reference import by_reference
from blis.engine.room import has_room_beside
from blis.engine.state import LOST_ENTRIES, State
from blis.engine.views import SCALES, SCALING, World


@kernel
def run_fleet(world: World, state: State, now_us: int) -> int:
    """Let happen what is due now; return DONE, or the reason for stopping, after which it is called again."""
    cluster = state.scratch.cluster
    if cluster[SCALING_STAGE] == ASKED:
        cluster[SCALING_STAGE] = NOT_ASKED
    if _is_over(world, state):
        cluster[NEXT_FLEET_US] = NEVER_US
        return DONE
    if cluster[EVENTS] > world.settings.max_events:
        cluster[STUCK_INSTANCE] = 0
        return OUT_OF_EVENTS
    if not _has_room(world, state):
        return GROW
    status = _fail_due(world, state, now_us)
    if status != DONE:
        return status
    _end_waits(world, state, now_us)
    if cluster[ACTUATES_US] <= now_us:
        _actuate(world, state, now_us)
    if cluster[NEXT_READING_US] <= now_us:
        _read_instances(world, state, now_us)
    if cluster[NEXT_TICK_US] <= now_us:
        if not _decide(world, state, now_us):
            return AT_SCALING
        if cluster[ACTUATES_US] <= now_us:
            _actuate(world, state, now_us)
    cluster[EVENTS] += 1
    cluster[NEXT_FLEET_US] = _next_us(world, state)
    return DONE


@kernel
def _is_over(world: World, state: State) -> bool:
    """Whether every request has ended."""
    cluster = state.scratch.cluster
    past = cluster[N_ROUTED] - cluster[N_RETURNED] - state.gateway.places[N_EVICTIONS] - cluster[N_ABANDONED]
    past += cluster[N_REJECTED] + cluster[N_UNROUTABLE] + cluster[N_CANCELLED] - cluster[N_CANCELLED_SENT]
    for place in range(N_GATEWAY_REJECTED, N_GATEWAY_EVICTED + 1):
        past += state.gateway.places[place]
    if past < world.workload.table.shape[0]:
        return False
    in_flight = 0
    for instance in range(world.settings.n_instances):
        in_flight += state.instances.in_flight_requests[instance]
    return in_flight == 0


@kernel
def _has_room(world: World, state: State) -> bool:
    """Whether the logs have room for whatever one event of the fleet, or the failure of one instance, can add."""
    events, log = state.fleet.events.shape[0], state.log
    return (
        state.scratch.cluster[N_FLEET_EVENTS] + most_fleet_events(state) <= events
        and log.counters[LOST_ENTRIES] + state.batches.members.shape[1] <= log.lost.shape[0]
        and (not world.settings.has_transfers or has_room_beside(world, state, 0, 4 * _moving_requests(world, state)))
    )


@kernel
def _moving_requests(world: World, state: State) -> int:
    """Requests that hold blocks where their prompt was computed."""
    count = 0
    for instance in range(world.settings.n_instances):
        count += state.instances.awaiting_transfer_requests[instance] + state.instances.outgoing_requests[instance]
        count += state.instances.prefill_legs[instance]
    return count


@kernel
def most_fleet_events(state: State) -> int:
    """Most entries of the log of one moment, for one failure at a time."""
    return 4 * state.instances.shape[0] + 3 * state.fleet.pools.shape[0] + 1


@kernel
def _next_us(world: World, state: State) -> int:
    """When something happens next."""
    cluster, failures = state.scratch.cluster, state.fleet.failures
    next_us = min(cluster[ACTUATES_US], cluster[NEXT_READING_US], cluster[NEXT_TICK_US])
    if cluster[NEXT_FAILURE] < failures.shape[0]:
        next_us = min(next_us, failures.at_us[cluster[NEXT_FAILURE]])
    for instance in range(world.settings.n_instances):
        next_us = min(next_us, state.instances.lifecycle_until_us[instance])
    return next_us


@kernel
def _fail_due(world: World, state: State, now_us: int) -> int:
    """Let die who is to die by now, one by one: each may need room."""
    cluster, failures, instances = state.scratch.cluster, state.fleet.failures, state.instances
    while cluster[NEXT_FAILURE] < failures.shape[0] and failures.at_us[cluster[NEXT_FAILURE]] <= now_us:
        if not _has_room(world, state):
            cluster[SCALING_STAGE] = ASKED  # so that it goes on before those are routed that have been taken away
            return GROW
        place = cluster[NEXT_FAILURE]
        cluster[NEXT_FAILURE] += 1
        instance = failures.instance[place]
        was = instances.lifecycle[instance]
        if was == ABSENT:
            continue
        taken = empty_instance(world, state, instance, failures.loses[place], now_us)
        failures.taken_away_requests[place] = taken
        set_lifecycle(state, instance, FAILED, now_us)
        instances.wanted_us[instance] = now_us
        instances.lifecycle_until_us[instance] = failures.recovers_us[place]
        note_fleet_event(state, now_us, DIED, pool_of(state, instance), instance, taken)
        if was == DRAINING:  # it was to go anyway
            _let_go(world, state, instance, now_us)
    return DONE


@kernel
def _let_go(world: World, state: State, instance: int, went_us: int) -> None:
    """Free the GPUs of an instance that has nothing to do any more."""
    set_lifecycle(state, instance, ABSENT, went_us)
    if world.settings.has_adapters:
        forget_adapters(world, state, instance)
    forget_cache(world, state, instance)
    forget_sent(world, state, instance)
    note_fleet_event(state, went_us, WENT, pool_of(state, instance), instance, 0)


@kernel
def _end_waits(world: World, state: State, now_us: int) -> None:
    """Let serve who has loaded or recovered, and go who has drained."""
    instances = state.instances
    for instance in range(world.settings.n_instances):
        if instances.lifecycle_until_us[instance] <= now_us:
            end_waiting(state, instance, now_us)
        elif has_drained(state, instance, now_us):
            _let_go(world, state, instance, drained_us(state, instance, now_us))


@kernel
def _read_instances(world: World, state: State, now_us: int) -> None:
    """Let the policy see the instances as they are now, and what has come and gone since the reading before."""
    cluster, instances, pools = state.scratch.cluster, state.instances, state.fleet.pools
    cluster[READ_BEFORE_US] = cluster[READ_US]
    cluster[READ_US] = now_us
    cluster[NEXT_READING_US] = NEVER_US
    for pool in range(world.settings.n_pools):
        arrived, arrived_tokens, received_tokens, completed, completed_tokens = 0, 0, 0, 0, 0
        for instance in range(pools.first_instance[pool], pools.end_instance[pool]):
            state.fleet.read[instance] = instances[instance]
            arrived += instances.in_flight_requests[instance] + instances.completed_requests[instance]
            arrived += instances.dropped_requests[instance] + instances.taken_away_requests[instance]
            arrived += instances.handed_over_requests[instance]
            arrived_tokens += instances.input_tokens[instance]
            received_tokens += instances.received_tokens[instance]
            completed += instances.completed_requests[instance] + instances.handed_over_requests[instance]
            completed_tokens += instances.completed_tokens[instance]
        pools.arrived_requests[pool] = arrived - pools.total_arrived_requests[pool]
        pools.arrived_tokens[pool] = arrived_tokens - pools.total_arrived_tokens[pool]
        pools.received_tokens[pool] = received_tokens - pools.total_received_tokens[pool]
        pools.completed_requests[pool] = completed - pools.total_completed_requests[pool]
        pools.completed_tokens[pool] = completed_tokens - pools.total_completed_tokens[pool]
        pools.total_arrived_requests[pool], pools.total_arrived_tokens[pool] = arrived, arrived_tokens
        pools.total_received_tokens[pool] = received_tokens
        pools.total_completed_requests[pool], pools.total_completed_tokens[pool] = completed, completed_tokens


@kernel
def _decide(world: World, state: State, now_us: int) -> bool:
    """Ask the policy how many instances each pool should have; False if Python has to be asked first."""
    cluster, pools, wanted = state.scratch.cluster, state.fleet.pools, state.fleet.wanted
    if cluster[SCALING_STAGE] != ANSWERED:
        count_pools(world, state)
        for pool in range(world.settings.n_pools):
            wanted[pool] = pools.wanted_instances[pool]
        if world.settings.asks_scaling:
            cluster[SCALING_STAGE] = ASKED
            return False
        interval_us = cluster[READ_US] - cluster[READ_BEFORE_US]
        view = by_reference(fleet_view(world, state, now_us, cluster[READ_US], interval_us))
        scale_at(world.answers[SCALES])(view, world.parameters[SCALING], world.memory[SCALING], wanted)
    cluster[SCALING_STAGE] = NOT_ASKED
    for pool in range(world.settings.n_pools):
        most, least = pools.maximum_instances[pool], pools.minimum_instances[pool]
        wanted[pool] = max(least, min(most, wanted[pool]))
        if wanted[pool] != pools.wanted_instances[pool]:
            note_fleet_event(state, now_us, DECIDED, pool, -1, wanted[pool])
        pools.wanted_instances[pool] = wanted[pool]
    cluster[DECIDED_US] = now_us
    cluster[ACTUATES_US] = now_us + world.settings.actuation_delay_us
    cluster[NEXT_TICK_US] = now_us + world.settings.scaling_tick_us
    cluster[NEXT_READING_US] = cluster[NEXT_TICK_US] - world.settings.reading_age_us
    return True


@kernel
def _actuate(world: World, state: State, now_us: int) -> None:
    """Place or drain as many instances as the latest decision asks for; pools that shrink go first and free GPUs."""
    cluster, pools = state.scratch.cluster, state.fleet.pools
    cluster[ACTUATES_US] = NEVER_US
    count_pools(world, state)
    for pool in range(world.settings.n_pools):
        present = pools.loading_instances[pool] + pools.warm_instances[pool]
        for _ in range(present - pools.wanted_instances[pool]):
            _drain_one(world, state, pool, now_us)
    count_pools(world, state)
    for pool in range(world.settings.n_pools):
        present = pools.loading_instances[pool] + pools.warm_instances[pool]
        lacking = pools.wanted_instances[pool] - present
        for instance in range(pools.first_instance[pool], pools.end_instance[pool]):
            if lacking <= 0 or pools.free_gpus[pool] < pools.gpus[pool]:
                break
            if state.instances.lifecycle[instance] == ABSENT:
                begin_loading(state, pool, instance, cluster[DECIDED_US], now_us)
                _take_gpus(world, state, pool)
                lacking -= 1
        lacking = max(0, lacking)
        if lacking > pools.unplaced_instances[pool]:
            note_fleet_event(state, now_us, UNPLACED, pool, -1, lacking)
        pools.unplaced_instances[pool] = lacking


@kernel
def _take_gpus(world: World, state: State, pool: int) -> None:
    pools = state.fleet.pools
    for other in range(world.settings.n_pools):
        if pools.gpu_kind[other] == pools.gpu_kind[pool]:
            pools.free_gpus[other] = max(0, pools.free_gpus[other] - pools.gpus[pool])


@kernel
def _drain_one(world: World, state: State, pool: int, now_us: int) -> None:
    """Take an instance out of service: one that loads first, then the one that serves for the shortest time.

    That is how Kubernetes chooses the pod of a set that goes: the one that is not ready first, then the newest.
    """
    instances, pools = state.instances, state.fleet.pools
    chosen = -1
    for instance in range(pools.first_instance[pool], pools.end_instance[pool]):
        lifecycle = instances.lifecycle[instance]
        if lifecycle != LOADING and lifecycle != WARM:
            continue
        if chosen < 0 or _goes_before(state, instance, chosen):
            chosen = instance
    begin_draining(state, pool, chosen, now_us)
    if instances.lifecycle[chosen] == DRAINING:
        if world.settings.hands_back:
            hand_back(world, state, chosen, now_us)
        if has_drained(state, chosen, now_us):
            _let_go(world, state, chosen, now_us)


@kernel
def _goes_before(state: State, instance: int, other: int) -> bool:
    instances = state.instances
    loads, other_loads = instances.lifecycle[instance] == LOADING, instances.lifecycle[other] == LOADING
    if loads != other_loads:
        return loads
    return instances.lifecycle_since_us[instance] >= instances.lifecycle_since_us[other]
