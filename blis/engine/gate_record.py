"""What the gateway learns of a request that it has sent on when that completes."""

from blis.engine._jit import kernel
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
