"""The cluster's loop: one event of the cluster after another, and all instances run up to the next."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numba
import numpy as np

from blis.engine._jit import compiled, entry_point, kernel
from blis.engine.admitting import admit_next
from blis.engine.codes import (
    CLOCK_US,
    DONE,
    EARLIEST_US,
    GROW,
    LEFT,
    LISTED_FOR,
    MEETING_US,
    NEVER_US,
    NEXT_ADMISSION,
    NEXT_CYCLE_US,
    NEXT_FLEET_US,
    NEXT_INSTANCE,
    NEXT_ROUTING_US,
    NEXT_SWEEP_US,
    NOT_ASKED,
    SCALING_STAGE,
    WATCHED,
)
from blis.engine.dispatching import next_gateway_event, run_cycle
from blis.engine.encoding_apart import next_encoding_us, run_next_encoding
from blis.engine.endings import has_ended
from blis.engine.events import advance
from blis.engine.evicting import has_room_to_evict
from blis.engine.feedback import next_arrival, safe_until_us
from blis.engine.fleet import run_fleet
from blis.engine.gate import sweep
from blis.engine.gate_queue import ask_again
from blis.engine.giving_up import give_up_next
from blis.engine.instance_fields import LIMIT_COLUMNS, limit_table
from blis.engine.live import is_live
from blis.engine.meeting import run_by_time
from blis.engine.patience import next_giving_up_us
from blis.engine.records import Records
from blis.engine.reference import address_of, by_reference, call_at, value_of
from blis.engine.request_fields import WORKLOAD_COLUMNS, workload_table
from blis.engine.routing import find_next_routing, route_next
from blis.engine.setting_fields import KNOWN, SETTING_NAMES, has_known_settings, setting_record
from blis.engine.signals import router_view
from blis.engine.start import new_state
from blis.engine.state import State, Workload
from blis.engine.transfers import earliest_handover_us, next_transfer_us, start_next_transfer
from blis.engine.views import RouterView, World


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
    if settings.disaggregates:
        event_us = min(event_us, next_transfer_us(state))
    if settings.times_out:
        event_us = min(event_us, next_giving_up_us(state))
    if settings.encodes_apart:
        event_us = min(event_us, next_encoding_us(state))
    find_next_routing(world, state)
    return min(event_us, cluster[NEXT_ROUTING_US])


@kernel
def _serve_gateway(world: World, state: State, view: RouterView, is_admission: bool, now_us: int) -> int:
    """One of the events of a cluster with a gateway: who was sent on is routed first, so that all counts know of it."""
    places = state.gateway.places
    if world.settings.gate_evicts and not has_room_to_evict(world, state):
        return GROW
    if state.scratch.cluster[NEXT_ROUTING_US] == now_us:
        return route_next(world, state, view, now_us)
    if places[NEXT_SWEEP_US] == now_us:
        sweep(world, state, now_us)
        return DONE
    if is_admission:
        return admit_next(world, state, view, now_us)
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
    if world.settings.disaggregates:
        meeting_us = min(meeting_us, earliest_handover_us(world, state))
    return meeting_us


@kernel
def _run_instances(world: World, state: State, until_us: int) -> int:
    """Let the instances whose turn has not come yet run their events before `until_us`, each by itself."""
    cluster, n = state.scratch.cluster, world.settings.n_instances
    if world.settings.shares_tier:
        return run_by_time(world, state, until_us)
    if cluster[NEXT_INSTANCE] == 0:
        cluster[EARLIEST_US] = NEVER_US  # who runs tells when its next event is, see `set_next_event`
    earliest_us = NEVER_US
    for instance in range(cluster[NEXT_INSTANCE], n):
        event_us = state.instances.next_event_us[instance]
        if event_us >= until_us:
            earliest_us = min(earliest_us, event_us)
        elif is_live(cluster, instance):
            status = advance(world, state, instance, until_us)
            if status != DONE:
                cluster[NEXT_INSTANCE] = instance
                cluster[EARLIEST_US] = min(cluster[EARLIEST_US], earliest_us)
                return status
    cluster[NEXT_INSTANCE] = n
    cluster[EARLIEST_US] = min(cluster[EARLIEST_US], earliest_us)
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
    cluster[LISTED_FOR] = -1  # whoever called may have changed anything
    if cluster[NEXT_INSTANCE] == 0:
        cluster[EARLIEST_US] = 0
    while True:
        if cluster[NEXT_INSTANCE] == 0:
            if cluster[WATCHED] >= 0 and has_ended(state.requests.status[cluster[WATCHED]]):
                return LEFT
            cluster[MEETING_US] = _next_meeting_us(world, state, end_us)
        meeting_us = cluster[MEETING_US]
        is_quiet = cluster[NEXT_INSTANCE] == 0 and cluster[EARLIEST_US] >= meeting_us
        if is_quiet:
            cluster[NEXT_INSTANCE] = world.settings.n_instances
        # Policies that look at no instance may decide before the instances have come that far.
        elif world.settings.looks or meeting_us >= end_us:
            status = _run_instances(world, state, meeting_us)
            if status != DONE:
                return status
        if meeting_us >= end_us:
            cluster[NEXT_INSTANCE] = 0
            return DONE
        # Where no arrival waits for an end, nobody in front of the router, no client's patience ends, and no prompt is
        # computed for elsewhere, what instances did has called for nothing: the meeting was about an event.
        settings = world.settings
        hears = settings.lookahead_us != NEVER_US or settings.disaggregates != 0  # those have meetings about no event
        if not is_quiet and (settings.has_gateway or settings.times_out):
            hears = True
        event_us = next_cluster_event(world, state) if hears else meeting_us
        if event_us > meeting_us:
            cluster[NEXT_INSTANCE] = 0
            continue
        cluster[CLOCK_US] = event_us
        arriving = cluster[NEXT_ADMISSION]
        is_admission = (
            arriving >= 0 and state.requests.arrival_us[arriving] + world.settings.admission_latency_us == event_us
        )
        if world.settings.has_fleet and cluster[SCALING_STAGE] != NOT_ASKED:
            # What it stopped in the middle of goes on before anything else.
            status = run_fleet(world, state, event_us)
            if world.settings.has_gateway:
                ask_again(world, state, event_us)
        elif world.settings.times_out and next_giving_up_us(state) == event_us:
            status = give_up_next(world, state, event_us)
        elif world.settings.disaggregates and next_transfer_us(state) == event_us:
            status = start_next_transfer(world, state, view, event_us)
            if world.settings.has_gateway:
                ask_again(world, state, event_us)  # what is in flight where has changed
        elif world.settings.encodes_apart and next_encoding_us(state) == event_us:
            run_next_encoding(world, state, event_us)
            status = DONE
            if world.settings.has_gateway:
                ask_again(world, state, event_us)
        elif world.settings.has_gateway:
            status = _serve_gateway(world, state, view, is_admission, event_us)
        elif is_admission:
            status = admit_next(world, state, view, event_us)
        elif world.settings.has_fleet and cluster[NEXT_ROUTING_US] != event_us:
            status = run_fleet(world, state, event_us)
        else:
            status = route_next(world, state, view, event_us)
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


@kernel
def run_at(loop: Any, world: World, state: State, until_us: int) -> int:
    """The same by its address: what calls it is compiled without it."""
    given = value_of(world)
    return call_at(
        loop,
        (
            given.workload, given.settings, given.limits, given.answers, given.parameters, given.memory,
            given.coefficients, value_of(state), until_us,
        ),
    )  # fmt: skip


def sample_arguments(is_plain: bool) -> tuple[Any, ...]:
    """Arguments of the right types, so that signatures cannot drift from the records."""
    whole = np.zeros(1, np.int64)
    whole.setflags(write=False)
    workload = Workload(workload_table(**dict.fromkeys(WORKLOAD_COLUMNS, whole)), whole, whole, whole, whole)
    settings = setting_record(**dict.fromkeys(SETTING_NAMES, 1) | (KNOWN if is_plain else {}))
    limits = limit_table([dict.fromkeys(LIMIT_COLUMNS, 1)])
    matrix = np.zeros((1, 1))
    state = new_state(workload, settings, limits)
    return workload, settings, limits, np.zeros(1, np.int64), matrix, matrix, matrix, state, 0


def compiled_loop(settings: Records) -> Callable[..., int]:
    """The loop as machine code: compiled once for each version of the sources, then loaded from the disk cache.

    Its arguments are those of `_run_kernel`. There are two: for runs whose settings are all known, and for all others.
    """
    return _entry(has_known_settings(settings))


def loop_address(settings: Records) -> Any:
    """Where the machine code of the loop lies, for `run_at`."""
    return address_of(_compiled_loop(has_known_settings(settings)))


def compile_loops() -> None:
    """Compile both, or load them, before a clock starts."""
    for is_plain in (True, False):
        _compiled_loop(is_plain)


@cache
def _entry(is_plain: bool) -> Callable[..., int]:
    return entry_point(_compiled_loop(is_plain))


@cache
def _compiled_loop(is_plain: bool) -> Callable[..., int]:
    return compiled(numba.types.int64(*map(numba.typeof, sample_arguments(is_plain))), _run_kernel)
