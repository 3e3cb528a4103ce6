"""What the gateway's policies see: the queue, one of its bands, and the tenants that wait in it."""

from blis.engine._jit import kernel
from blis.engine.codes import (
    GATE_REQUESTS,
    GATE_TOKENS,
    LAST_READING_US,
    NEVER_US,
    TRANSIT_REQUESTS,
    TRANSIT_TOKENS,
)
from blis.engine.state import State
from blis.engine.views import FlowsView, GatewayView, World


@kernel
def gateway_view(
    world: World,
    state: State,
    band: int,
    now_us: int,
    saturation: float,
    place: int,
    n_bands: int,
    most_urgency: float,
    least_urgency: float,
) -> GatewayView:
    """The queue and one of its bands, none if `band` is -1; `place` is that among the `n_bands` active ones."""
    places, bands = state.gateway.places, state.gateway.bands
    age_us = 0
    if world.settings.snapshot_refresh_us > 0:
        age_us = now_us - state.scratch.cluster[LAST_READING_US]
    ttl_us = world.settings.gate_ttl_us
    return GatewayView(
        now_us,
        places[GATE_REQUESTS],
        places[GATE_TOKENS],
        places[TRANSIT_REQUESTS],
        places[TRANSIT_TOKENS],
        state.gateway.in_flight_tokens,
        age_us,
        saturation,
        place,
        n_bands,
        bands.urgency[band] if band >= 0 else 0.0,
        most_urgency,
        least_urgency,
        bands.queued_requests[band] if band >= 0 else 0,
        min(NEVER_US, ttl_us),
    )


@kernel
def flows_view(world: World, state: State, band: int, now_us: int) -> FlowsView:
    """The tenants of a band that have a request waiting, written into the rows of `gateway.heads`."""
    gateway, heads, n = state.gateway, state.gateway.heads, 0
    gated, tenants, flows = gateway.requests, gateway.tenants, gateway.flows
    flow = gateway.bands.first_flow[band]
    while flow >= 0:
        head, tenant = flows.root[flow], flow - band * world.settings.n_tenants
        heads[0, n] = tenant
        heads[1, n] = gated.key[head]
        heads[2, n] = gated.rank[head]
        heads[3, n] = gated.enqueued_us[head]
        heads[4, n] = world.workload.table.input_tokens[head]
        heads[5, n] = flows.queued_requests[flow]
        heads[6, n] = tenants.active_since_us[tenant]
        heads[7, n] = tenants.dispatched_requests[tenant]
        heads[8, n] = tenants.input_tokens[tenant]
        heads[9, n] = tenants.written_tokens[tenant]
        heads[10, n] = tenants.served_us[tenant]
        n += 1
        flow = flows.next_flow[flow]
    last_tenant = gateway.bands.last_tenant[band]
    return FlowsView(
        now_us, n, world.settings.n_tenants, last_tenant, heads[0], heads[1], heads[2], heads[3], heads[4], heads[5],
        heads[6], heads[7], heads[8], heads[9], heads[10],
    )  # fmt: skip
