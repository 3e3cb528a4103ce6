"""Instances that meet in what they share run in the order of time, not each by itself up to an event."""

from blis.engine._jit import kernel, seldom_kernel
from blis.engine.codes import BETWEEN_STEPS, DONE, INSTANCE, NEVER_US, NEXT_INSTANCE, STAGE
from blis.engine.events import advance
from blis.engine.live import is_live
from blis.engine.state import State
from blis.engine.views import World

_NOBODY = -1
_BEGUN = 1  #: instead of the instance whose turn it is: none but the time says that


@seldom_kernel
def run_by_time(world: World, state: State, until_us: int) -> int:
    """Run the events of all instances before `until_us`, the earliest first, of equal times the first instance's.

    An instance runs up to the next event of another one, so what both touch is touched in order.
    """
    cluster, step = state.scratch.cluster, state.scratch.step
    cluster[NEXT_INSTANCE] = _BEGUN
    while True:
        first = step[INSTANCE] if step[STAGE] != BETWEEN_STEPS else _earliest(world, state, until_us)
        if first == _NOBODY:
            cluster[NEXT_INSTANCE] = world.settings.n_instances
            return DONE
        status = advance(world, state, first, min(until_us, _turn_us(world, state, first)))
        if status != DONE:
            return status


@kernel
def _earliest(world: World, state: State, until_us: int) -> int:
    """The instance with the earliest event before `until_us`; -1 if there is none."""
    first, event_us = _NOBODY, until_us
    for instance in range(world.settings.n_instances):
        if state.instances.next_event_us[instance] < event_us and is_live(state.scratch.cluster, instance):
            first, event_us = instance, state.instances.next_event_us[instance]
    return first


@kernel
def _turn_us(world: World, state: State, first: int) -> int:
    """Up to when an instance runs before it is another's turn."""
    turn_us = NEVER_US
    for instance in range(world.settings.n_instances):
        if instance != first and is_live(state.scratch.cluster, instance):
            later = 1 if first < instance else 0
            turn_us = min(turn_us, state.instances.next_event_us[instance] + later)
    return turn_us
