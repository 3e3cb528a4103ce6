"""When something happens next on an instance."""

from blis.engine._jit import kernel
from blis.engine.codes import EARLIEST_US, NEVER_US
from blis.engine.state import State
from blis.engine.views import World


@kernel
def next_kv_us(state: State, instance: int) -> int:
    """When KV next arrives at an instance, or has left it."""
    arriving, leaving = state.instances.awaiting_root[instance], state.instances.outgoing_root[instance]
    next_us = NEVER_US
    if arriving >= 0:
        next_us = int(state.awaiting.key[arriving])
    if leaving >= 0:
        next_us = min(next_us, int(state.transfers.legs.key[leaving]))
    return next_us


@kernel
def set_next_event(state: State, instance: int) -> None:
    """Bring `next_event_us` up to date."""
    instances, cluster = state.instances, state.scratch.cluster
    root = instances.pending_root[instance]
    event_us = min(instances.next_step_us[instance], next_kv_us(state, instance))
    if root >= 0 and state.requests.queued_us[root] < event_us:
        event_us = state.requests.queued_us[root]
    instances.next_event_us[instance] = event_us
    cluster[EARLIEST_US] = min(cluster[EARLIEST_US], event_us)


@kernel
def call_for_step(world: World, state: State, instance: int, now_us: int) -> None:
    """Somebody waits: if no step is due, one follows everything else that happens now."""
    instances = state.instances
    if instances.next_step_us[instance] != NEVER_US:
        return
    start_us = now_us
    if world.settings.busy_until_step_ends:
        start_us = max(start_us, instances.busy_until_us[instance])
    instances.next_step_us[instance] = start_us
    # A step that a queueing calls for follows all queueings of its microsecond.
    instances.step_fixed[instance] = NEVER_US
