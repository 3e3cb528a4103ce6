"""The next admission: who is refused, who comes again, and who is to be routed or waits in front of the router."""

from blis.engine._jit import kernel
from blis.engine.candidates import find_candidates
from blis.engine.clairvoyance import NOWHERE, look_ahead_again
from blis.engine.codes import (
    AT_ADMISSION,
    DECISION,
    DONE,
    IS_DECIDED,
    N_ADMITTED,
    N_REJECTED,
    N_TURNED_AWAY,
    NEVER_US,
    NEXT_ADMISSION,
    NO_TRACE,
    REJECTED,
    ROUTING_TAIL,
    STOP_AT_ADMISSION,
)
from blis.engine.decisions import record_admission
from blis.engine.dispatching import run_cycle
from blis.engine.feedback import REFUSED_PAUSE_US, release_followers, remove_arrival
from blis.engine.gate import arrive_at_gateway
from blis.engine.reference import by_reference
from blis.engine.retries import comes_again
from blis.engine.signals import prepare_view, read_signals, view_at
from blis.engine.state import State
from blis.engine.views import ADMISSION, ADMITS, RouterView, World, admit_at
from blis.engine.waiting import request_view


@kernel
def _verdict_on(world: World, state: State, view: RouterView, request: int, now_us: int) -> int:
    """What the admission policy decides: 0, or the number of the reason to refuse."""
    return admit_at(world.answers[ADMITS])(
        view_at(world, state, view, now_us), by_reference(request_view(world, state, request)),
        world.parameters[ADMISSION], world.memory[ADMISSION],
    )  # fmt: skip


@kernel
def admit_next(world: World, state: State, view: RouterView, now_us: int) -> int:
    """Decide on the request of `NEXT_ADMISSION`; return DONE, or the reason for stopping before that."""
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
