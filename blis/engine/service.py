"""What each tenant has got from an instance: prompt tokens taken, and output tokens written.

A prompt counts when it is first taken. Output counts when whoever writes it leaves the batch, and for those that are in
it when somebody asks, from their position: so nothing is paid per token, and the sums are exact whenever they are read.
"""

from blis.engine._jit import kernel
from blis.engine.state import State
from blis.engine.views import SCHEDULING, World

_MOST = 1e300


@kernel
def charge_prompt(world: World, state: State, instance: int, request: int) -> None:
    """Count the prompt of a request that is taken for the first time."""
    place = instance * world.settings.n_tenants + world.workload.table.tenant[request]
    state.learned.tenants.input_tokens[place] += world.workload.table.input_tokens[request]


@kernel
def charge_stay(world: World, state: State, instance: int, request: int) -> None:
    """Count what a member that gives way has written since it was taken."""
    number = state.instances.step_number[instance]
    place = instance * world.settings.n_tenants + world.workload.table.tenant[request]
    state.learned.tenants.written_tokens[place] += _written_in_stay(world, state, request, number)


@kernel
def charge_rest(world: World, state: State, instance: int, request: int) -> None:
    """Count what a member that has its last token has written since it was taken."""
    table = world.workload.table
    place = instance * world.settings.n_tenants + table.tenant[request]
    written = state.requests.text_tokens[request] - table.input_tokens[request]
    state.learned.tenants.written_tokens[place] += max(table.output_tokens[request], 1) - written


@kernel
def _written_in_stay(world: World, state: State, request: int, number: int) -> int:
    """Tokens that a member has got since it was taken, before the step of that number, or has under way."""
    requests, table = state.requests, world.workload.table
    text = requests.text_tokens[request]
    if requests.stored_tokens[request] < text or requests.chunk_step[request] == number:
        return 0
    if requests.finish_step[request] >= number:
        return number + requests.decode_base[request] + 1 - text
    return table.input_tokens[request] + max(table.output_tokens[request], 1) - text


@kernel
def count_batch(world: World, state: State, instance: int, number: int) -> None:
    """Bring up to date what the members of a batch have written before the step of that number."""
    tenants, settings = state.learned.tenants, world.settings
    first = instance * settings.n_tenants
    for place in range(first, first + settings.n_tenants):
        tenants.batch_tokens[place] = 0
    for member in range(state.instances.running_requests[instance]):
        request = state.batches.members[instance, member]
        place = first + world.workload.table.tenant[request]
        tenants.batch_tokens[place] += _written_in_stay(world, state, request, number)


@kernel
def _counter(world: World, state: State, place: int) -> float:
    """What a tenant's service weighs by the scheduler's first two parameters, with what it was lifted by."""
    tenants, weights = state.learned.tenants, world.parameters[SCHEDULING]
    written = tenants.written_tokens[place] + tenants.batch_tokens[place]
    return tenants.lift[place] + (weights[0] * tenants.input_tokens[place] + weights[1] * written)


@kernel
def lift_tenant(world: World, state: State, instance: int, tenant: int) -> None:
    """A tenant that has had nobody waiting sends again: it is lifted to the least counter of those that wait.

    Where nobody waits its counter stays. Called between two steps.
    """
    tenants, settings = state.learned.tenants, world.settings
    first = instance * settings.n_tenants
    is_anybody_waiting = False
    for place in range(first, first + settings.n_tenants):
        is_anybody_waiting = is_anybody_waiting or tenants.queued_requests[place] > 0
    if not is_anybody_waiting:
        return
    count_batch(world, state, instance, state.instances.step_number[instance] + 1)
    least = _MOST
    for place in range(first, first + settings.n_tenants):
        if tenants.queued_requests[place] > 0:
            least = min(least, _counter(world, state, place))
    tenants.lift[first + tenant] += max(0.0, least - _counter(world, state, first + tenant))
