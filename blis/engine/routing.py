"""The next routing: who it is, when, which instances there are to choose from, and what becomes of the choice."""

from blis.engine._jit import kernel
from blis.engine.candidates import find_candidates, is_candidate
from blis.engine.choosing import choose_decoder
from blis.engine.clairvoyance import NOWHERE, look_ahead_again
from blis.engine.codes import (
    AT_ROUTING,
    BAD_TARGET,
    DECISION,
    DONE,
    GROW,
    IS_DECIDED,
    N_ROUTED,
    N_UNROUTABLE,
    NEED_ROUTER_RUNS,
    NEVER_US,
    NEXT_FLEET_US,
    NEXT_ROUTING,
    NEXT_ROUTING_US,
    NO_TRACE,
    RETURN_ROOT,
    ROUTING_HEAD,
    ROUTING_TAIL,
    STOP_AT_ROUTING,
    TIMED_OUT,
    UNROUTABLE,
)
from blis.engine.decisions import record_routing, record_scores
from blis.engine.disaggregating import divide
from blis.engine.dispatching import note_routed
from blis.engine.encoding_apart import choose_where_to_encode, send_to_encoder
from blis.engine.events import advance, inject
from blis.engine.feedback import REFUSED_PAUSE_US, release_followers
from blis.engine.filters import filter_candidates
from blis.engine.gate import end_at_gateway
from blis.engine.gate_record import leave_transit
from blis.engine.heap import AS_QUEUED, meld, without_root
from blis.engine.live import is_live
from blis.engine.router_index import most_router_runs, router_room
from blis.engine.signals import draw_lots, prepare_view, read_signals, remember_routing
from blis.engine.state import State
from blis.engine.views import RouterView, World


@kernel
def find_next_routing(world: World, state: State) -> None:
    """Find out who is routed next, and when; of two at one time the one that comes back goes first."""
    cluster, requests, settings = state.scratch.cluster, state.requests, world.settings
    routing_us, cluster[NEXT_ROUTING] = NEVER_US, -1
    if cluster[ROUTING_HEAD] < cluster[ROUTING_TAIL]:
        request = state.scratch.routing_queue[cluster[ROUTING_HEAD]]
        if settings.has_gateway:
            routing_us = state.gateway.requests.dispatched_us[request] + settings.routing_latency_us
        else:
            routing_us = requests.arrival_us[request] + settings.admission_latency_us + settings.routing_latency_us
        cluster[NEXT_ROUTING] = request
    returned = cluster[RETURN_ROOT]
    if returned >= 0 and requests.queued_us[returned] <= routing_us:
        routing_us = requests.queued_us[returned]
        cluster[NEXT_ROUTING] = returned
    cluster[NEXT_ROUTING_US] = routing_us


@kernel
def _leave_routing(world: World, state: State, request: int) -> None:
    """Forget that a request is to be routed next."""
    cluster = state.scratch.cluster
    if request == cluster[RETURN_ROOT]:
        cluster[RETURN_ROOT] = without_root(AS_QUEUED, world.workload, state.requests, request)
    else:
        cluster[ROUTING_HEAD] += 1


@kernel
def _refuse_unroutable(world: World, state: State, request: int, now_us: int) -> None:
    """Let a request go that was admitted and that no instance may be sent, or let the gateway try again later."""
    cluster = state.scratch.cluster
    _leave_routing(world, state, request)
    if world.settings.has_gateway:
        if state.requests.arrival_us[request] + world.settings.gate_timeout_us <= now_us:
            leave_transit(world, state, request)
            end_at_gateway(world, state, request, TIMED_OUT, now_us)
            return
        if cluster[NEXT_FLEET_US] < NEVER_US:  # somebody may serve it then
            state.requests.queued_us[request] = cluster[NEXT_FLEET_US] + 1
            state.requests.link[request] = -1
            state.requests.back_link[request] = -1
            cluster[RETURN_ROOT] = meld(AS_QUEUED, world.workload, state.requests, cluster[RETURN_ROOT], request)
            return
        leave_transit(world, state, request)
    cluster[N_UNROUTABLE] += 1
    state.requests.status[request] = UNROUTABLE
    if world.settings.needs_next_use:
        look_ahead_again(world, state, request, NOWHERE)
    if world.settings.lookahead_us != NEVER_US:
        release_followers(world, state, request, now_us + REFUSED_PAUSE_US)


@kernel
def route_next(world: World, state: State, view: RouterView, now_us: int) -> int:
    """Send the request of `NEXT_ROUTING` to an instance; return DONE, or the reason for stopping before that."""
    cluster = state.scratch.cluster
    request = cluster[NEXT_ROUTING]
    if cluster[IS_DECIDED] == 0:
        if find_candidates(world, state, request) == 0:
            _refuse_unroutable(world, state, request, now_us)
            return DONE
        if world.settings.trace_level != NO_TRACE and cluster[N_ROUTED] >= state.trace.routings.shape[0]:
            return GROW
        if not router_room(world, state, request):
            cluster[NEED_ROUTER_RUNS] = most_router_runs(world, request)
            return GROW
        read_signals(world, state, now_us)
        if world.settings.looks:
            prepare_view(world, state, request)
        else:  # a draw is no look
            draw_lots(world, state, request)
        if world.settings.n_filters > 0 and filter_candidates(world, state, view, request, now_us) == 0:
            _refuse_unroutable(world, state, request, now_us)
            return DONE
        if world.settings.asks_routing:
            return AT_ROUTING
        cluster[DECISION] = choose_decoder(world, state, view, request, now_us)
        if cluster[STOP_AT_ROUTING] == cluster[N_ROUTED]:
            cluster[STOP_AT_ROUTING] = -1
            cluster[IS_DECIDED] = 1
            return AT_ROUTING
    target = cluster[DECISION]
    if not is_candidate(world, state, target):
        return BAD_TARGET
    lives = is_live(cluster, target)
    if lives and not world.settings.looks and state.instances.next_event_us[target] < now_us:
        cluster[IS_DECIDED] = 1
        status = advance(world, state, target, now_us)
        if status != DONE:
            return status
    cluster[IS_DECIDED] = 0
    _leave_routing(world, state, request)
    if world.settings.record_routing:
        record_scores(world, state, request, target)
    if world.settings.trace_level != NO_TRACE:
        record_routing(world, state, request, target, now_us)
    if world.settings.disaggregates:
        target = divide(world, state, view, request, target, now_us)
        lives = is_live(cluster, target)
    else:
        remember_routing(world, state, target, request)
    state.requests.instance[request] = target
    state.requests.routing_rank[request] = cluster[N_ROUTED]
    state.instances.last_routed[target] = cluster[N_ROUTED]
    state.instances.last_routed_us[target] = now_us
    cluster[N_ROUTED] += 1
    if world.settings.needs_next_use:
        look_ahead_again(world, state, request, target)
    encoder = -1
    if world.settings.encodes_apart:
        encoder = choose_where_to_encode(world, state, view, request, target, now_us)
    if encoder != -1:
        status = send_to_encoder(world, state, encoder, target, request, now_us)
        if status != DONE:
            return status
    elif lives:
        inject(world, state, target, request, now_us)
    if world.settings.has_gateway:
        note_routed(world, state, target, request, now_us)
    return DONE
