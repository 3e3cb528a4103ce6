"""What the gateway knows of requests that it has sent on: on their way to an instance, there, and completed."""

from blis.engine._jit import kernel
from blis.engine.codes import TRANSIT_REQUESTS, TRANSIT_TOKENS
from blis.engine.state import State
from blis.engine.views import World


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
