"""The cluster's loop: admit, route, and let every instance run up to the next decision."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numba
import numpy as np

from blis.engine._jit import compiled, entry_point, kernel
from blis.engine.candidates import find_candidates, is_candidate
from blis.engine.clairvoyance import NOWHERE, look_ahead_again
from blis.engine.codes import (
    AT_ADMISSION,
    AT_ROUTING,
    BAD_TARGET,
    CLOCK_US,
    DECISION,
    DONE,
    FIRST_LIVE,
    GROW,
    IS_DECIDED,
    LEFT,
    MEETING_US,
    N_ADMITTED,
    N_REJECTED,
    N_ROUTED,
    N_TURNED_AWAY,
    N_UNROUTABLE,
    NEED_ROUTER_RUNS,
    NEVER_US,
    NEXT_ADMISSION,
    NEXT_CYCLE_US,
    NEXT_FLEET_US,
    NEXT_INSTANCE,
    NEXT_ROUTING,
    NEXT_ROUTING_US,
    NEXT_SWEEP_US,
    NO_TRACE,
    NOT_ASKED,
    REJECTED,
    RETURN_ROOT,
    ROUTING_HEAD,
    ROUTING_TAIL,
    SCALING_STAGE,
    SECOND_LIVE,
    STOP_AT_ADMISSION,
    STOP_AT_ROUTING,
    UNROUTABLE,
    WATCHED,
)
from blis.engine.decisions import record_admission, record_routing, record_scores
from blis.engine.dispatching import next_gateway_event, note_routed, run_cycle
from blis.engine.endings import has_ended
from blis.engine.events import advance, inject
from blis.engine.feedback import REFUSED_PAUSE_US, next_arrival, release_followers, remove_arrival, safe_until_us
from blis.engine.fields import (
    LIMIT_COLUMNS,
    SETTING_NAMES,
    WORKLOAD_COLUMNS,
    Records,
    limit_table,
    setting_record,
    workload_table,
)
from blis.engine.filters import filter_candidates
from blis.engine.fleet import run_fleet
from blis.engine.gate import arrive_at_gateway, sweep
from blis.engine.gate_queue import ask_again
from blis.engine.gate_record import leave_transit
from blis.engine.heap import AS_QUEUED, meld, without_root
from blis.engine.reference import by_reference
from blis.engine.retries import comes_again
from blis.engine.router_index import most_router_runs, router_room
from blis.engine.signals import draw_lots, prepare_view, read_signals, remember_routing, router_view, view_at
from blis.engine.start import new_state
from blis.engine.state import State, Workload
from blis.engine.views import (
    ADMISSION,
    ADMITS,
    FIRST_SCORER,
    ROUTES,
    ROUTING,
    RouterView,
    World,
    admit_at,
    route_at,
    score_at,
)
from blis.engine.waiting import request_view
from blis.foundation.units import Int64Vector


@kernel
def is_live(cluster: Int64Vector, instance: int) -> bool:
    """Whether an instance is run, and does not just do as it did."""
    return cluster[FIRST_LIVE] == 0 or cluster[FIRST_LIVE] == instance + 1 or cluster[SECOND_LIVE] == instance + 1


@kernel
def next_cluster_event(world: World, state: State) -> int:
    """Time of the next admission, routing, event of the gateway or change of the fleet; NEVER_US if there is none."""
    cluster, requests, settings = state.scratch.cluster, state.requests, world.settings
    event_us = cluster[NEXT_FLEET_US]
    cluster[NEXT_ADMISSION] = next_arrival(world, state)
    if cluster[NEXT_ADMISSION] >= 0:
        event_us = min(event_us, requests.arrival_us[cluster[NEXT_ADMISSION]] + settings.admission_latency_us)
    if settings.has_gateway:
        event_us = min(event_us, next_gateway_event(state))
    _find_next_routing(world, state)
    return min(event_us, cluster[NEXT_ROUTING_US])


@kernel
def _find_next_routing(world: World, state: State) -> None:
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
def _verdict_on(world: World, state: State, view: RouterView, request: int, now_us: int) -> int:
    """What the admission policy decides: 0, or the number of the reason to refuse."""
    return admit_at(world.answers[ADMITS])(
        view_at(world, state, view, now_us), by_reference(request_view(world, state, request)),
        world.parameters[ADMISSION], world.memory[ADMISSION],
    )  # fmt: skip


@kernel
def _admit_next(world: World, state: State, view: RouterView, now_us: int) -> int:
    cluster, request = state.scratch.cluster, state.scratch.cluster[NEXT_ADMISSION]
    if cluster[IS_DECIDED] == 0:
        read_signals(world, state, now_us)
        if world.settings.admits_all:
            cluster[DECISION] = 0
        else:
            find_candidates(world, state, request)
            prepare_view(world, state, request)
            if world.settings.asks_admission:
                return AT_ADMISSION
            cluster[DECISION] = _verdict_on(world, state, view, request, now_us)
        if cluster[STOP_AT_ADMISSION] == request:
            cluster[STOP_AT_ADMISSION] = -1
            cluster[IS_DECIDED] = 1
            return AT_ADMISSION
    cluster[IS_DECIDED] = 0
    remove_arrival(world, state, request)
    if world.settings.trace_level != NO_TRACE:
        record_admission(state, request, now_us)
    if cluster[DECISION] != 0:
        if comes_again(world, state, request, now_us):
            cluster[N_TURNED_AWAY] += 1
            return DONE
        state.requests.status[request] = REJECTED
        cluster[N_REJECTED] += 1
        if world.settings.needs_next_use:
            look_ahead_again(world, state, request, NOWHERE)
        if world.settings.lookahead_us != NEVER_US:
            release_followers(world, state, request, now_us + REFUSED_PAUSE_US)
        return DONE
    cluster[N_ADMITTED] += 1
    if world.settings.has_gateway:
        return run_cycle(world, state, view, now_us) if arrive_at_gateway(world, state, request, now_us) else DONE
    state.scratch.routing_queue[cluster[ROUTING_TAIL]] = request
    cluster[ROUTING_TAIL] += 1
    return DONE


@kernel
def _choose(world: World, state: State, view: RouterView, request: int, now_us: int) -> int:
    """Let the scorers judge every candidate, and the policy choose one."""
    view = view_at(world, state, view, now_us)
    seen = by_reference(request_view(world, state, request))
    for scorer in range(world.settings.n_scorers):
        score_at(world.answers[FIRST_SCORER + scorer])(view, seen, state.scratch.scorer_scores[scorer])
    return route_at(world.answers[ROUTES])(
        view, seen, world.parameters[ROUTING], world.memory[ROUTING], state.scratch.scores
    )


@kernel
def _refuse_unroutable(world: World, state: State, request: int, now_us: int) -> None:
    """Let a request go that was admitted and that no instance may be sent, or let the gateway try again later."""
    cluster = state.scratch.cluster
    _leave_routing(world, state, request)
    if world.settings.has_gateway:
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
def _route_next(world: World, state: State, view: RouterView, now_us: int) -> int:
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
        cluster[DECISION] = _choose(world, state, view, request, now_us)
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
    state.requests.instance[request] = target
    state.requests.routing_rank[request] = cluster[N_ROUTED]
    state.instances.last_routed[target] = cluster[N_ROUTED]
    state.instances.last_routed_us[target] = now_us
    cluster[N_ROUTED] += 1
    remember_routing(world, state, target, request)
    if world.settings.needs_next_use:
        look_ahead_again(world, state, request, target)
    if lives:
        inject(world, state, target, request, now_us)
    if world.settings.has_gateway:
        note_routed(world, state, target, request, now_us)
    return DONE


@kernel
def _serve_gateway(world: World, state: State, view: RouterView, is_admission: bool, now_us: int) -> int:
    """One of the events of a cluster with a gateway: who was sent on is routed first, so that all counts know of it."""
    places = state.gateway.places
    if state.scratch.cluster[NEXT_ROUTING_US] == now_us:
        return _route_next(world, state, view, now_us)
    if places[NEXT_SWEEP_US] == now_us:
        sweep(world, state, now_us)
        return DONE
    if is_admission:
        return _admit_next(world, state, view, now_us)
    if places[NEXT_CYCLE_US] == now_us:
        return run_cycle(world, state, view, now_us)
    status = run_fleet(world, state, now_us)
    ask_again(world, state, now_us)  # instances have come or gone
    return status


@kernel
def _next_meeting_us(world: World, state: State, end_us: int) -> int:
    """Time up to which every instance can run without hearing of the others."""
    meeting_us = min(next_cluster_event(world, state), end_us)
    if world.settings.lookahead_us != NEVER_US:
        meeting_us = min(meeting_us, safe_until_us(world, state))
    return meeting_us


@kernel
def _run_instances(world: World, state: State, until_us: int) -> int:
    """Let the instances whose turn has not come yet run their events before `until_us`, each by itself."""
    cluster = state.scratch.cluster
    while cluster[NEXT_INSTANCE] < world.settings.n_instances:
        instance = cluster[NEXT_INSTANCE]
        if state.instances.next_event_us[instance] < until_us and is_live(cluster, instance):
            status = advance(world, state, instance, until_us)
            if status != DONE:
                return status
        cluster[NEXT_INSTANCE] += 1
    return DONE


@kernel
def run_until(world: World, state: State, until_us: int) -> int:
    """Run to `until_us` (exclusive) or the horizon (inclusive); return DONE or the reason for stopping.

    Instances run to one meeting after another. Only when all have come to it is the cluster's next event known: what
    ended on the way may have called for an arrival, at the meeting at the earliest.
    """
    cluster = state.scratch.cluster
    end_us = min(until_us, world.settings.horizon_us + 1)
    view = by_reference(router_view(world, state, cluster[CLOCK_US]))
    while True:
        if cluster[NEXT_INSTANCE] == 0:
            if cluster[WATCHED] >= 0 and has_ended(state.requests.status[cluster[WATCHED]]):
                return LEFT
            cluster[MEETING_US] = _next_meeting_us(world, state, end_us)
        meeting_us = cluster[MEETING_US]
        # Policies that look at no instance may decide before the instances have come that far.
        if world.settings.looks or meeting_us >= end_us:
            status = _run_instances(world, state, meeting_us)
            if status != DONE:
                return status
        if meeting_us >= end_us:
            cluster[NEXT_INSTANCE] = 0
            return DONE
        event_us = next_cluster_event(world, state)
        if event_us > meeting_us:
            cluster[NEXT_INSTANCE] = 0
            continue
        cluster[CLOCK_US] = event_us
        arriving = cluster[NEXT_ADMISSION]
        is_admission = (
            arriving >= 0 and state.requests.arrival_us[arriving] + world.settings.admission_latency_us == event_us
        )
        if cluster[SCALING_STAGE] != NOT_ASKED:  # what it stopped in the middle of goes on before anything else
            status = run_fleet(world, state, event_us)
            if world.settings.has_gateway:
                ask_again(world, state, event_us)
        elif world.settings.has_gateway:
            status = _serve_gateway(world, state, view, is_admission, event_us)
        elif is_admission:
            status = _admit_next(world, state, view, event_us)
        elif cluster[NEXT_ROUTING_US] == event_us:
            status = _route_next(world, state, view, event_us)
        else:
            status = run_fleet(world, state, event_us)
        if status != DONE:
            return status
        cluster[NEXT_INSTANCE] = 0


def _run_kernel(
    workload: Workload,
    settings: Records,
    limits: Records,
    answers: Any,
    parameters: np.ndarray,
    memory: np.ndarray,
    coefficients: np.ndarray,
    state: State,
    until_us: int,
) -> int:
    """Entry point: see `run_until`."""
    world = by_reference(World(workload, settings, limits, answers, parameters, memory, coefficients))
    return run_until(world, by_reference(state), until_us)


def sample_arguments() -> tuple[Any, ...]:
    """Arguments of the right types, so that signatures cannot drift from the records."""
    whole = np.zeros(1, np.int64)
    whole.setflags(write=False)
    workload = Workload(workload_table(**dict.fromkeys(WORKLOAD_COLUMNS, whole)), whole, whole, whole, whole)
    settings = setting_record(**dict.fromkeys(SETTING_NAMES, 1))
    limits = limit_table([dict.fromkeys(LIMIT_COLUMNS, 1)])
    matrix = np.zeros((1, 1))
    state = new_state(workload, settings, limits)
    return workload, settings, limits, np.zeros(1, np.int64), matrix, matrix, matrix, state, 0


@cache
def compiled_loop() -> Callable[..., int]:
    """The loop as machine code: compiled once for each version of the sources, then loaded from the disk cache.

    Its arguments are those of `_run_kernel`.
    """
    loop = compiled(numba.types.int64(*map(numba.typeof, sample_arguments())), _run_kernel)
    return entry_point(loop)
