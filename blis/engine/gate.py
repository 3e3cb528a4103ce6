"""How requests come to the queue in front of the router, and how they leave it unserved."""

from blis.engine._jit import kernel
from blis.engine.codes import (
    GATE_REQUESTS,
    GATEWAY_DISPLACED,
    GATEWAY_EVICTED,
    GATEWAY_EXPIRED,
    GATEWAY_REJECTED,
    N_GATEWAY_EVICTED,
    N_GATEWAY_REJECTED,
    NEVER_US,
    NEXT_SWEEP_US,
    TIMED_OUT,
)
from blis.engine.feedback import REFUSED_PAUSE_US, release_followers
from blis.engine.gate_queue import ask_again, band_of, deadline_us, first_multiple, join, least_urgent, leave
from blis.engine.gate_views import gateway_view
from blis.engine.outlook import look_at_arrival
from blis.engine.reference import by_reference
from blis.engine.retries import comes_again
from blis.engine.state import State
from blis.engine.views import ORDERS_QUEUE, QUEUE_ORDER, World, order_queue_at
from blis.engine.waiting import request_view


@kernel
def arrive_at_gateway(world: World, state: State, request: int, now_us: int) -> bool:
    """Let an admitted request join the queue, if there is room or room is made; whether it did."""
    band = band_of(world, request)
    if not _has_room(world, state, band):
        displaced = -1
        if world.settings.gate_displaces and _band_has_room(state, band):
            lowest = least_urgent(state, band)
            displaced = state.gateway.bands.newest[lowest] if lowest >= 0 else -1
        if displaced < 0:
            end_at_gateway(world, state, request, GATEWAY_REJECTED, now_us)
            return False
        leave(world, state, displaced)
        end_at_gateway(world, state, displaced, GATEWAY_DISPLACED, now_us)
    look_at_arrival(world, state, request)
    key = order_queue_at(world.answers[ORDERS_QUEUE])(
        by_reference(gateway_view(world, state, band, now_us, 0.0, 0, 0, 0.0, 0.0)),
        by_reference(request_view(world, state, request)), world.parameters[QUEUE_ORDER], world.memory[QUEUE_ORDER],
    )  # fmt: skip
    join(world, state, request, key, now_us)
    return True


@kernel
def _has_room(world: World, state: State, band: int) -> bool:
    is_full = state.gateway.places[GATE_REQUESTS] >= world.settings.gate_capacity_requests
    return not is_full and _band_has_room(state, band)


@kernel
def _band_has_room(state: State, band: int) -> bool:
    return state.gateway.bands.queued_requests[band] < state.gateway.bands.capacity_requests[band]


@kernel
def end_at_gateway(world: World, state: State, request: int, status: int, now_us: int) -> None:
    """A request waits no longer: its client comes again, or it has ended; who gave up may come again where some do."""
    if (status != TIMED_OUT or world.settings.retries_timeouts) and comes_again(world, state, request, now_us):
        return
    state.requests.status[request] = status
    if state.gateway.requests.shape[0] > 0:
        state.gateway.requests.ended_us[request] = now_us
    if status == GATEWAY_EVICTED:
        state.gateway.places[N_GATEWAY_EVICTED] += 1
    else:
        state.gateway.places[N_GATEWAY_REJECTED + status - GATEWAY_REJECTED] += 1
    if world.settings.lookahead_us != NEVER_US:
        release_followers(world, state, request, now_us + REFUSED_PAUSE_US)


@kernel
def let_go(world: World, state: State, request: int, now_us: int) -> None:
    """Take a request whose deadline is past out of the queue."""
    expired_us = state.gateway.requests.enqueued_us[request] + world.settings.gate_ttl_us
    gave_up_us = state.requests.arrival_us[request] + world.settings.gate_timeout_us
    leave(world, state, request)
    end_at_gateway(world, state, request, GATEWAY_EXPIRED if expired_us <= gave_up_us else TIMED_OUT, now_us)


@kernel
def sweep(world: World, state: State, now_us: int) -> None:
    """Let go of everybody whose deadline is past, and note when to look again."""
    gateway, places = state.gateway, state.gateway.places
    earliest_us, left = NEVER_US, False
    for band in range(gateway.bands.shape[0]):
        oldest = gateway.bands.oldest[band]
        while oldest >= 0 and deadline_us(world, state, oldest) <= now_us:
            let_go(world, state, oldest, now_us)
            left = True
            oldest = gateway.bands.oldest[band]
        if oldest >= 0:
            earliest_us = min(earliest_us, deadline_us(world, state, oldest))
    places[NEXT_SWEEP_US] = first_multiple(world.settings.gate_sweep_us, earliest_us)
    if left:  # a detector may count who waits
        ask_again(world, state, now_us)
