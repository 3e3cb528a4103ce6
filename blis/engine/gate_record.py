"""What the gateway knows of requests that it has sent on: on their way to an instance, there, and completed."""

from blis.engine._jit import kernel
from blis.engine.codes import TRANSIT_REQUESTS, TRANSIT_TOKENS
from blis.engine.state import State
from blis.engine.views import World
from blis.foundation.slo import BAND_OF_CLASS


@kernel
def note_served(world: World, state: State, instance: int, request: int) -> None:
    """A request has completed: it is in flight no more, and its tenant has got its output."""
    table, gateway = world.workload.table, state.gateway
    tenant = table.tenant[request]
    gateway.in_flight_tokens[instance] -= table.input_tokens[request]
    gateway.tenants.written_tokens[tenant] += table.output_tokens[request]
    gateway.tenants.served_us[tenant] = state.requests.finished_us[request]


@kernel
def enter_transit(world: World, state: State, request: int) -> None:
    """A request is on its way to an instance: the router has to choose one."""
    state.gateway.places[TRANSIT_REQUESTS] += 1
    state.gateway.places[TRANSIT_TOKENS] += world.workload.table.input_tokens[request]


@kernel
def leave_transit(world: World, state: State, request: int) -> None:
    """It has reached one, or will reach none."""
    state.gateway.places[TRANSIT_REQUESTS] -= 1
    state.gateway.places[TRANSIT_TOKENS] -= world.workload.table.input_tokens[request]


@kernel
def note_taken_away(world: World, state: State, instance: int, request: int, is_lost: bool) -> None:
    """An instance does not have a request any more that it has not completed."""
    state.gateway.in_flight_tokens[instance] -= world.workload.table.input_tokens[request]
    if not is_lost:
        enter_transit(world, state, request)


@kernel
def note_running(world: World, state: State, request: int) -> None:
    """A request has been taken into a batch: list it among those of its band that run, by when they were sent."""
    gated, bands, rank = state.gateway.requests, state.gateway.bands, state.requests.routing_rank
    band = BAND_OF_CLASS[world.workload.table.slo_class[request]]
    newer, older = -1, bands.newest_running[band]
    while older >= 0 and rank[older] > rank[request]:
        newer, older = older, gated.older_running[older]
    gated.older_running[request] = older
    gated.newer_running[request] = newer
    if older >= 0:
        gated.newer_running[older] = request
    if newer >= 0:
        gated.older_running[newer] = request
    else:
        bands.newest_running[band] = request


@kernel
def forget_running(world: World, state: State, request: int) -> None:
    """It has left its batch."""
    gated, band = state.gateway.requests, BAND_OF_CLASS[world.workload.table.slo_class[request]]
    older, newer = gated.older_running[request], gated.newer_running[request]
    if older >= 0:
        gated.newer_running[older] = newer
    if newer >= 0:
        gated.older_running[newer] = older
    else:
        state.gateway.bands.newest_running[band] = older
    gated.older_running[request] = -1
    gated.newer_running[request] = -1
