"""The queue in front of the router: bands by urgency, in each a flow for every tenant, in each flow an order.

Each flow is a heap of its own; those of a band with somebody waiting are a list. Across flows a band lists its requests
by age, which is how long they may still wait. To join and to leave take the logarithm of a flow's length.
"""

from blis.engine._jit import kernel
from blis.engine.codes import (
    GATE_PEAK,
    GATE_REQUESTS,
    GATE_TOKENS,
    GATEWAY_QUEUED,
    LAST_CYCLE_US,
    N_ENQUEUED,
    NEVER_US,
    NEXT_CYCLE_US,
    NEXT_SWEEP_US,
    NOT_STARTED,
)
from blis.engine.ranked_heap import melded, without
from blis.engine.state import State
from blis.engine.views import World
from blis.foundation.slo import BAND_OF_CLASS


@kernel
def band_of(world: World, request: int) -> int:
    """The band that a request waits in."""
    return BAND_OF_CLASS[world.workload.table.slo_class[request]]


@kernel
def flow_of(world: World, request: int) -> int:
    """The flow that a request waits in."""
    return band_of(world, request) * world.settings.n_tenants + world.workload.table.tenant[request]


@kernel
def deadline_us(world: World, state: State, request: int) -> int:
    """Time from which a waiting request is no longer sent; it never falls from one request of a band to the next."""
    settings, gated = world.settings, state.gateway.requests
    return min(
        gated.enqueued_us[request] + settings.gate_ttl_us, state.requests.arrival_us[request] + settings.gate_timeout_us
    )


@kernel
def first_multiple(interval_us: int, time_us: int) -> int:
    """The first multiple of an interval that is no earlier than a time; NEVER_US if that is."""
    return NEVER_US if time_us >= NEVER_US else -(-time_us // interval_us) * interval_us


@kernel
def ask_again(world: World, state: State, now_us: int) -> None:
    """Let a cycle run at the next tick, this microsecond's included, if somebody waits: something has changed."""
    places = state.gateway.places
    if places[GATE_REQUESTS] > 0:
        first_us = max(now_us, places[LAST_CYCLE_US] + 1)  # whatever follows a cycle waits for the tick after it
        places[NEXT_CYCLE_US] = min(places[NEXT_CYCLE_US], first_multiple(world.settings.gate_tick_us, first_us))


@kernel
def join(world: World, state: State, request: int, key: float, now_us: int) -> None:
    """Let a request wait; smaller keys go first in its flow."""
    gateway, places = state.gateway, state.gateway.places
    gated, band, flow = gateway.requests, band_of(world, request), flow_of(world, request)
    tenant = world.workload.table.tenant[request]
    gated.enqueued_us[request] = now_us
    gated.key[request] = key
    gated.rank[request] = places[N_ENQUEUED]
    places[N_ENQUEUED] += 1
    if gateway.flows.queued_requests[flow] == 0:
        _list_flow(state, band, flow)
    gateway.flows.root[flow] = melded(gated, gateway.flows.root[flow], request)
    gateway.flows.queued_requests[flow] += 1
    _append(state, band, request)
    if gateway.tenants.queued_requests[tenant] == 0:
        gateway.tenants.active_since_us[tenant] = now_us
    gateway.tenants.queued_requests[tenant] += 1
    gateway.bands.is_active[band] = 1
    places[GATE_REQUESTS] += 1
    places[GATE_TOKENS] += world.workload.table.input_tokens[request]
    places[GATE_PEAK] = max(places[GATE_PEAK], places[GATE_REQUESTS])
    state.requests.status[request] = GATEWAY_QUEUED
    sweep_us = first_multiple(world.settings.gate_sweep_us, min(NEVER_US, deadline_us(world, state, request)))
    places[NEXT_SWEEP_US] = min(places[NEXT_SWEEP_US], sweep_us)


@kernel
def leave(world: World, state: State, request: int) -> None:
    """Take a waiting request out of the queue, wherever it stands."""
    gateway, places = state.gateway, state.gateway.places
    flows, band, flow = gateway.flows, band_of(world, request), flow_of(world, request)
    flows.root[flow] = without(gateway.requests, flows.root[flow], request)
    flows.queued_requests[flow] -= 1
    if flows.queued_requests[flow] == 0:
        _unlist_flow(state, band, flow)
    _unlink(state, band, request)
    gateway.tenants.queued_requests[world.workload.table.tenant[request]] -= 1
    places[GATE_REQUESTS] -= 1
    places[GATE_TOKENS] -= world.workload.table.input_tokens[request]
    state.requests.status[request] = NOT_STARTED
    if places[GATE_REQUESTS] == 0:
        places[NEXT_CYCLE_US] = NEVER_US
        places[NEXT_SWEEP_US] = NEVER_US


@kernel
def least_urgent(state: State, above: int) -> int:
    """Band of the least urgency in which somebody waits, if it lies below the band `above`; -1: there is none."""
    bands = state.gateway.bands
    for band in range(bands.shape[0] - 1, above, -1):
        if bands.queued_requests[band] > 0:
            return band
    return -1


@kernel
def _list_flow(state: State, band: int, flow: int) -> None:
    bands, flows = state.gateway.bands, state.gateway.flows
    first = bands.first_flow[band]
    flows.next_flow[flow] = first
    flows.previous_flow[flow] = -1
    if first >= 0:
        flows.previous_flow[first] = flow
    bands.first_flow[band] = flow


@kernel
def _unlist_flow(state: State, band: int, flow: int) -> None:
    bands, flows = state.gateway.bands, state.gateway.flows
    before, after = flows.previous_flow[flow], flows.next_flow[flow]
    if before >= 0:
        flows.next_flow[before] = after
    else:
        bands.first_flow[band] = after
    if after >= 0:
        flows.previous_flow[after] = before


@kernel
def _append(state: State, band: int, request: int) -> None:
    """Put a request at the young end of its band's list."""
    bands, gated = state.gateway.bands, state.gateway.requests
    before = bands.newest[band]
    gated.older[request] = before
    gated.newer[request] = -1
    if before >= 0:
        gated.newer[before] = request
    else:
        bands.oldest[band] = request
    bands.newest[band] = request
    bands.queued_requests[band] += 1


@kernel
def _unlink(state: State, band: int, request: int) -> None:
    bands, gated = state.gateway.bands, state.gateway.requests
    before, after = gated.older[request], gated.newer[request]
    if before >= 0:
        gated.newer[before] = after
    else:
        bands.oldest[band] = after
    if after >= 0:
        gated.older[after] = before
    else:
        bands.newest[band] = before
    bands.queued_requests[band] -= 1
