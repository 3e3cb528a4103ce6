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
from blis.engine.aborting import take_from_batch
from blis.engine.codes import (
    GATEWAY_EVICTED,
    LAST_EVICTION_US,
    N_EVICTIONS,
    NEVER_US,
    TRANSIT_REQUESTS,
)
from blis.engine.gate import end_at_gateway
from blis.engine.gate_queue import band_of
from blis.engine.own_blocks import new_own_segments
from blis.engine.room import has_room_beside
from blis.engine.state import LOST_ENTRIES, State
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
    """Take a request out of its batch, and refuse it."""
    take_from_batch(world, state, request, now_us)
    state.gateway.places[N_EVICTIONS] += 1
    end_at_gateway(world, state, request, GATEWAY_EVICTED, now_us)
