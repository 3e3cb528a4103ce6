"""When requests are sent on from the queue in front of the router, and which: one in each cycle, as llm-d's gateway.

A cycle follows every enqueueing, and every multiple of the tick while somebody waits. It measures the saturation of
the instances and goes through the bands from the most urgent: the first whose ceiling the saturation has reached ends
the cycle, even if nobody waits in it, so nobody passes a more urgent band that is held. Of the first that is open and
has somebody waiting one tenant is chosen, and its first request is sent on.

Of the ticks at which a band is held only those are run that may end otherwise: the saturation stays as it is until an
instance does something, or is read anew. So a deep queue costs work for each event, not for each tick.

Source: llm-d-router 0.9, `pkg/epp/flowcontrol`.
"""

from blis.engine._jit import kernel
from blis.engine.candidates import find_servers
from blis.engine.codes import (
    BAD_TARGET,
    DONE,
    GATE_REQUESTS,
    LAST_CYCLE_US,
    LAST_READING_US,
    N_DISPATCHED,
    NEVER_US,
    NEXT_CYCLE_US,
    NEXT_SWEEP_US,
    ROUTING_TAIL,
)
from blis.engine.evicting import evict_for, next_eviction_us
from blis.engine.feedback import earliest_end_us
from blis.engine.gate import let_go
from blis.engine.gate_queue import ask_again, band_of, deadline_us, first_multiple, leave
from blis.engine.gate_record import enter_transit, leave_transit
from blis.engine.gate_views import flows_view, gateway_view
from blis.engine.reference import by_reference
from blis.engine.signals import read_reports, view_at
from blis.engine.state import State
from blis.engine.views import (
    CEILING,
    CHOOSES,
    FAIRNESS,
    LIMITS,
    MEASURES,
    SATURATION,
    RouterView,
    World,
    choose_at,
    limit_at,
    measure_at,
)

#: What stands for a saturation that is no number.
_BEYOND_FULL = 1e9
_NOBODY, _NO_TENANT = -1, -2


@kernel
def next_gateway_event(state: State) -> int:
    """Time of the next cycle or sweep."""
    return min(state.gateway.places[NEXT_CYCLE_US], state.gateway.places[NEXT_SWEEP_US])


@kernel
def run_cycle(world: World, state: State, view: RouterView, now_us: int) -> int:
    """Send one request on, or nobody; return DONE, or BAD_TARGET if a policy chose a tenant that does not wait."""
    if world.settings.gate_reads_reports:  # else a tick that is left out would be missed
        read_reports(world, state, now_us)
    saturation = _saturation(world, state, view, now_us)
    n_bands, most_urgency, least_urgency = _active_bands(state)
    bands, place, is_held = state.gateway.bands, 0, False
    for band in range(bands.shape[0]):
        if not bands.is_active[band]:
            continue
        seen = gateway_view(world, state, band, now_us, saturation, place, n_bands, most_urgency, least_urgency)
        ceiling = limit_at(world.answers[LIMITS])(by_reference(seen), world.parameters[CEILING], world.memory[CEILING])
        if not saturation < min(1.0, ceiling):
            is_held = True
            if world.settings.gate_evicts and bands.queued_requests[band] > 0 and saturation < _BEYOND_FULL:
                is_held = not evict_for(world, state, band, saturation, max(0.0, min(1.0, ceiling)), now_us)
            break
        request = _first_of_band(world, state, band, now_us)
        if request == _NO_TENANT:
            return BAD_TARGET
        if request >= 0:
            _send(world, state, request, now_us)
            break
        place += 1
    _note_next_cycle(world, state, saturation, is_held, now_us)
    return DONE


@kernel
def note_routed(world: World, state: State, instance: int, request: int, now_us: int) -> None:
    """A request that was sent on has reached an instance, which may do something sooner than before."""
    leave_transit(world, state, request)
    state.gateway.in_flight_tokens[instance] += world.workload.table.input_tokens[request]
    ask_again(world, state, now_us)


@kernel
def _saturation(world: World, state: State, view: RouterView, now_us: int) -> float:
    if find_servers(world, state) == 0:  # nobody could be sent on
        return _BEYOND_FULL
    saturation = measure_at(world.answers[MEASURES])(
        view_at(world, state, view, now_us),
        by_reference(gateway_view(world, state, -1, now_us, 0.0, 0, 0, 0.0, 0.0)),
        world.parameters[SATURATION], world.memory[SATURATION],
    )  # fmt: skip
    return min(saturation, _BEYOND_FULL) if saturation >= 0.0 else _BEYOND_FULL


@kernel
def _active_bands(state: State) -> tuple[int, float, float]:
    """How many bands are active, and the most and the least urgent of them."""
    bands = state.gateway.bands
    count, most, least = 0, 0.0, 0.0
    for band in range(bands.shape[0]):
        if bands.is_active[band]:
            if count == 0:
                most = bands.urgency[band]
            least = bands.urgency[band]
            count += 1
    return count, most, least


@kernel
def _first_of_band(world: World, state: State, band: int, now_us: int) -> int:
    """The request of a band that goes next; whoever has waited too long and would be it is let go."""
    gateway = state.gateway
    while gateway.bands.queued_requests[band] > 0:
        flow = gateway.bands.first_flow[band]
        if gateway.flows.next_flow[flow] >= 0:
            seen = flows_view(world, state, band, now_us)
            chosen = choose_at(world.answers[CHOOSES])(
                by_reference(seen), world.parameters[FAIRNESS], world.memory[FAIRNESS]
            )
            if chosen < 0 or chosen >= seen.n_flows:
                return _NO_TENANT
            flow = band * world.settings.n_tenants + int(gateway.heads[0, chosen])
        request = gateway.flows.root[flow]
        if deadline_us(world, state, request) > now_us:
            return request
        let_go(world, state, request, now_us)
    return _NOBODY


@kernel
def _send(world: World, state: State, request: int, now_us: int) -> None:
    gateway, cluster, tokens = state.gateway, state.scratch.cluster, world.workload.table.input_tokens[request]
    tenant, band = world.workload.table.tenant[request], band_of(world, request)
    leave(world, state, request)
    gateway.requests.dispatched_us[request] = now_us
    state.scratch.routing_queue[cluster[ROUTING_TAIL]] = request
    cluster[ROUTING_TAIL] += 1
    gateway.places[N_DISPATCHED] += 1
    enter_transit(world, state, request)
    gateway.bands.last_tenant[band] = tenant
    gateway.bands.dispatched_requests[band] += 1
    gateway.tenants.dispatched_requests[tenant] += 1
    gateway.tenants.input_tokens[tenant] += tokens


@kernel
def _note_next_cycle(world: World, state: State, saturation: float, is_held: bool, now_us: int) -> None:
    """Note the next tick at which a cycle may end otherwise than this one."""
    places, next_us = state.gateway.places, now_us + 1
    places[LAST_CYCLE_US] = now_us
    if places[GATE_REQUESTS] == 0:
        return
    if is_held and (saturation >= 1.0 or not world.settings.gate_counts_cycles):
        next_us = max(next_us, _next_change_us(world, state, now_us))
    places[NEXT_CYCLE_US] = first_multiple(world.settings.gate_tick_us, next_us)


@kernel
def _next_change_us(world: World, state: State, now_us: int) -> int:
    """Time before which the saturation stays as it is, as long as nobody is routed."""
    settings, first_us, last_us = world.settings, NEVER_US, 0
    change_us = next_eviction_us(world, state, now_us)
    if settings.gate_reads_records:
        change_us = min(change_us, earliest_end_us(world, state))
    if settings.gate_reads_reports:
        for instance in range(settings.n_instances):
            first_us = min(first_us, state.instances.next_event_us[instance])
            last_us = max(last_us, state.instances.clock_us[instance])
        if settings.snapshot_refresh_us == 0:
            # What an instance does in a microsecond is seen from the next one on.
            change_us = min(change_us, first_us + 1)
        else:
            read_us, is_idle = state.scratch.cluster[LAST_READING_US], first_us == NEVER_US
            # Where nothing will happen, nothing is new, and nobody gives up, nothing is read for ever.
            if not (is_idle and read_us > last_us and state.gateway.places[NEXT_SWEEP_US] == NEVER_US):
                change_us = min(change_us, read_us + settings.snapshot_refresh_us)
    return min(NEVER_US, change_us)
