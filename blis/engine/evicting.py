"""Taking running requests away from instances for more urgent ones that are held at the gateway.

When a band is held in which somebody waits, less urgent requests that may be shed (their urgency is below zero) are
evicted: so many as, each counting for an equal part of the saturation, bring it below the band's ceiling, but few at a
time; the least urgent first, of those the one that was sent on last. The next are looked for after a pause,
in which the instances show what it was worth. Who is evicted is refused: its client comes again, or it has ended. What
it had computed is gone, but for what the prefix cache keeps of its prompt.

Source: llm-d-router 0.9, `pkg/epp/flowcontrol`, enableEviction; there those go as well that their
engine has not begun.
"""

import numpy as np

from blis.engine._jit import kernel
from blis.engine.codes import (
    GATEWAY_EVICTED,
    LAST_EVICTION_US,
    N_EVICTIONS,
    NEVER_US,
    NOW_US,
    TRANSIT_REQUESTS,
    UNDER_WAY,
)
from blis.engine.emptying import begin_life
from blis.engine.gate import end_at_gateway
from blis.engine.gate_queue import band_of
from blis.engine.gate_record import forget_running
from blis.engine.next_event import set_next_event
from blis.engine.outgoing import forget_leg
from blis.engine.own_blocks import new_own_segments
from blis.engine.preempting import leave_batch
from blis.engine.room import has_room_beside
from blis.engine.sent_prompts import note_dropped
from blis.engine.state import LOST_ENTRIES, PAUSES, State
from blis.engine.step_end import note_event
from blis.engine.views import World

_NOBODY = -1


@kernel
def has_room_to_evict(world: World, state: State) -> bool:
    """Whether there is room for whatever the evictions of one decision add: asked before it has been made."""
    victim, own, count = _NOBODY, 0, 0
    while count < world.settings.gate_most_evictions:
        victim = _next_victim(world, state, 0, victim)
        if victim < 0:
            break
        count += 1
        own += new_own_segments(world, state, victim)
        if not has_room_beside(world, state, state.requests.instance[victim], own):
            return False
    return state.log.counters[LOST_ENTRIES] + count <= state.log.lost.shape[0]


@kernel
def evict_for(world: World, state: State, band: int, saturation: float, ceiling: float, now_us: int) -> bool:
    """Evict for a band that is held at this ceiling, if the last eviction is long enough ago; whether anybody was."""
    before = state.gateway.places[N_EVICTIONS]
    for _ in range(_most_wanted(world, state, saturation, ceiling, now_us)):
        victim = _next_victim(world, state, band, _NOBODY)
        if victim < 0:
            break
        _evict(world, state, victim, now_us)
        state.gateway.places[LAST_EVICTION_US] = now_us
    return state.gateway.places[N_EVICTIONS] > before


@kernel
def _most_wanted(world: World, state: State, saturation: float, ceiling: float, now_us: int) -> int:
    """How many may be evicted now."""
    places = state.gateway.places
    if now_us < places[LAST_EVICTION_US] + world.settings.gate_eviction_pause_us:
        return 0
    in_flight = places[TRANSIT_REQUESTS]
    for instance in range(world.settings.n_instances):
        in_flight += state.instances.in_flight_requests[instance]
    if in_flight == 0 or saturation <= 0.0:
        return 0
    wanted = max(1, int(np.ceil((saturation - ceiling) * in_flight / saturation)))
    return min(wanted, world.settings.gate_most_evictions)


@kernel
def next_eviction_us(world: World, state: State, now_us: int) -> int:
    """Time before which nobody can be evicted: the pause after the last one, then until an instance does something."""
    if not world.settings.gate_evicts:
        return NEVER_US
    first_us = NEVER_US
    for instance in range(world.settings.n_instances):
        first_us = min(first_us, state.instances.next_event_us[instance])
    pause_us = state.gateway.places[LAST_EVICTION_US] + world.settings.gate_eviction_pause_us
    # Whom an instance takes in a microsecond is seen from the next one on.
    return pause_us if pause_us > now_us else min(NEVER_US, first_us + 1)


@kernel
def _next_victim(world: World, state: State, band: int, before: int) -> int:
    """Who goes after `before`, or first if that is -1, for this band; -1: nobody. Whose last token is known stays."""
    bands, gated = state.gateway.bands, state.gateway.requests
    lower = bands.shape[0] - 1 if before < 0 else band_of(world, before)
    request = bands.newest_running[lower] if before < 0 else gated.older_running[before]
    while lower > band and bands.urgency[lower] < 0.0:
        while request >= 0 and state.requests.leaves_us[request] >= 0:
            request = gated.older_running[request]
        if request >= 0:
            return request
        lower -= 1
        request = bands.newest_running[lower]
    return _NOBODY


@kernel
def _evict(world: World, state: State, request: int, now_us: int) -> None:
    """Take a request out of its batch, as at the composition of the step that comes next, and refuse it."""
    instances, requests, step = state.instances, state.requests, state.scratch.step
    instance = requests.instance[request]
    before = state.log.counters[LOST_ENTRIES]
    instances.step_number[instance] += 1
    step[UNDER_WAY] = 1 if instances.steps_under_way[instance] > 0 else 0
    step[NOW_US] = now_us
    leave_batch(world, state, instance, request, False)
    instances.step_number[instance] -= 1
    step[UNDER_WAY] = 0
    forget_running(world, state, request)
    if (
        world.settings.resume_keeps_output
        and requests.text_tokens[request] > world.workload.table.input_tokens[request]
    ):
        instances.resuming_requests[instance] -= 1
    instances.in_flight_requests[instance] -= 1
    instances.taken_away_requests[instance] += 1
    state.gateway.in_flight_tokens[instance] -= world.workload.table.input_tokens[request]
    state.gateway.places[N_EVICTIONS] += 1
    if world.settings.needs_prompts and requests.sent_tokens[request] >= 0:
        note_dropped(world, state, instance, request)
    for entry in range(before, state.log.counters[LOST_ENTRIES]):
        state.log.lost.request[entry] = _NOBODY
    if requests.preemptions[request] > 0 or state.log.counters[PAUSES] > 0:
        _forget_logged(state, request)
    if world.settings.disaggregates:
        forget_leg(world, state, request, now_us)
    begin_life(world, state, request)
    if instances.running_requests[instance] + instances.queued_requests[instance] == 0:
        if instances.steps_under_way[instance] == 0:
            instances.next_step_us[instance] = NEVER_US
    note_event(state, instance, now_us)
    set_next_event(state, instance)
    end_at_gateway(world, state, request, GATEWAY_EVICTED, now_us)


@kernel
def _forget_logged(state: State, request: int) -> None:
    """Let what the log says of the life that ends count for nobody."""
    lost, pauses = state.log.lost, state.log.pauses
    for entry in range(state.log.counters[LOST_ENTRIES]):
        if lost.request[entry] == request:
            lost.request[entry] = _NOBODY
    for entry in range(state.log.counters[PAUSES]):
        if pauses.request[entry] == request:
            pauses.request[entry] = _NOBODY
