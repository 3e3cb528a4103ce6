"""What the router knows when it decides: signals read at intervals, prefix signals, and its own record."""

from numba.core import config

from blis.engine._jit import kernel
from blis.engine.adapters import look_at_adapters, read_adapters
from blis.engine.choice import draw_of
from blis.engine.codes import (
    DRAW,
    LAST_CACHE_READING_US,
    LAST_READING_US,
    LOAD_IN_FLIGHT,
    N_CANDIDATES,
    N_COLD,
    SESSION_INSTANCE,
    TIE_DRAW,
)
from blis.engine.outlook import look_at_arrival
from blis.engine.prediction import expect_latencies
from blis.engine.reference import setter_of
from blis.engine.router_index import count_affinity, remember_prompt
from blis.engine.seen_cache import seen_end
from blis.engine.sent_prompts import note_sent
from blis.engine.sequence import shared_prompt_blocks
from blis.engine.state import State
from blis.engine.tier_router import count_tiered
from blis.engine.views import RouterView, World

_set_clock, _set_session_instance = setter_of("clock_us"), setter_of("session_instance")
_set_tie_draw, _set_draw, _set_candidates = setter_of("tie_draw"), setter_of("draw"), setter_of("candidates")


@kernel
def read_signals(world: World, state: State, now_us: int) -> None:
    """Let the router look at its instances, if its last look is old enough; called when it has to decide."""
    read_reports(world, state, now_us)
    cluster = state.scratch.cluster
    delay_us = world.settings.cache_signal_delay_us
    if delay_us > 0 and now_us - cluster[LAST_CACHE_READING_US] >= delay_us:
        cluster[LAST_CACHE_READING_US] = now_us
        state.seen.counters[0] += 1
        state.seen.counters[1] = 0


@kernel
def read_reports(world: World, state: State, now_us: int) -> None:
    """Read what the instances report, if the last reading is old enough."""
    cluster, interval_us = state.scratch.cluster, world.settings.snapshot_refresh_us
    if interval_us > 0 and now_us - cluster[LAST_READING_US] >= interval_us:
        cluster[LAST_READING_US] = now_us
        for instance in range(world.settings.n_instances):
            state.signals[instance] = state.instances[instance]
        if world.settings.has_adapters and world.settings.needs_adapters:
            read_adapters(world, state)


@kernel
def draw_lots(world: World, state: State, request: int) -> None:
    """Draw what decides between equals, and what policies that choose at random draw from."""
    cluster, number = state.scratch.cluster, world.workload.table.number[request]
    cluster[TIE_DRAW] = draw_of(world.settings.tie_key, number)
    cluster[DRAW] = draw_of(world.settings.draw_key, number)


@kernel
def prepare_view(world: World, state: State, request: int) -> None:
    """Work out what depends on the request: load, cached blocks, affinity, and what decides between equals."""
    scratch, settings = state.scratch, world.settings
    draw_lots(world, state, request)
    for instance in range(settings.n_instances):
        load = state.signals.queued_requests[instance] + state.signals.running_requests[instance]
        if settings.load_kind == LOAD_IN_FLIGHT:
            load += state.instances.in_flight_requests[instance]
        else:
            load += state.instances.pending_requests[instance]
        if settings.disaggregates:
            load += state.instances.promised_requests[instance] + state.instances.awaiting_kv_requests[instance]
        scratch.effective_load[instance] = load
    look_at_arrival(world, state, request)
    if settings.needs_cached_blocks:
        _count_cached(world, state, request)
    if settings.needs_tiered_blocks:
        count_tiered(world, state, request)
    if settings.needs_affinity:
        count_affinity(world, state, request)
    if settings.needs_sessions:
        session = world.workload.table.session[request]
        scratch.cluster[SESSION_INSTANCE] = state.sessions[session] if session >= 0 else -1
    if settings.needs_expectations:
        expect_latencies(world, state, request)
    if settings.has_adapters and settings.needs_adapters:
        look_at_adapters(world, state, request)


@kernel
def _count_cached(world: World, state: State, request: int) -> None:
    workload, known = world.workload, shared_prompt_blocks(world, request)
    for instance in state.scratch.eligible[: state.scratch.cluster[N_CANDIDATES]]:
        place = 0
        for entry in range(workload.segment_offsets[request], workload.segment_offsets[request + 1]):
            segment = workload.segments[entry]
            place = min(seen_end(world, state, segment, instance), known)
            if place == known or place < workload.segment_end[segment]:
                break
        state.scratch.cached_blocks[instance] = place


@kernel
def router_view(world: World, state: State, now_us: int) -> RouterView:
    """The view that admission and routing decide on."""
    signals, instances, scratch = state.signals, state.instances, state.scratch
    return RouterView(
        now_us,
        world.settings.n_instances,
        state.scratch.eligible[: state.scratch.cluster[N_CANDIDATES]],
        world.settings.block_size_tokens,
        signals.is_known,
        signals.queued_requests,
        signals.running_requests,
        signals.queued_tokens,
        signals.used_blocks,
        world.limits.total_blocks,
        signals.cache_hits,
        signals.cache_misses,
        signals.preemptions,
        signals.step_us,
        instances.pending_requests,
        instances.in_flight_requests,
        scratch.effective_load,
        scratch.cached_blocks,
        scratch.affinity_blocks,
        instances.last_cold_use,
        instances.last_routed,
        instances.last_routed_us,
        signals.decode_context_tokens,
        state.prompts[:, 0, 0],
        state.prompts[:, 0, 1:],
        scratch.cluster[SESSION_INSTANCE],
        scratch.expected_ttft_us,
        scratch.expected_itl_us,
        scratch.cluster[TIE_DRAW],
        scratch.cluster[DRAW],
        world.settings.n_scorers,
        scratch.scorer_scores,
        world.limits.roles,
        world.limits.context_low_tokens,
        world.limits.context_high_tokens,
        scratch.tiered_blocks,
        scratch.adapter_use,
        scratch.adapters_in_use,
        world.limits.max_loras,
    )


@kernel
def _brought_up(world: World, state: State, view: RouterView, now_us: int) -> RouterView:
    """The view of this run, with the numbers of the present decision written into it."""
    cluster = state.scratch.cluster
    _set_clock(view, now_us)
    _set_session_instance(view, cluster[SESSION_INSTANCE])
    _set_tie_draw(view, cluster[TIE_DRAW])
    _set_draw(view, cluster[DRAW])
    if world.settings.restricts_candidates:
        _set_candidates(view, state.scratch.eligible[: state.scratch.cluster[N_CANDIDATES]])
    return view


def _made_anew(world: World, state: State, view: RouterView, now_us: int) -> RouterView:
    """The same where a tuple cannot be written to."""
    return router_view(world, state, now_us)


#: The view of a decision, from the one that was made when the kernel was called: making two hundred words anew for each
#: decision took a twentieth of a whole run.
view_at = _made_anew if config.DISABLE_JIT else _brought_up


@kernel
def remember_routing(world: World, state: State, instance: int, request: int) -> None:
    """Let the router's own signals learn where the request went."""
    if world.settings.needs_cached_blocks:
        cold = True
        for other in state.scratch.eligible[: state.scratch.cluster[N_CANDIDATES]]:
            cold = cold and state.scratch.cached_blocks[other] == 0
        if cold:
            state.instances.last_cold_use[instance] = state.scratch.cluster[N_COLD]
            state.scratch.cluster[N_COLD] += 1
    if world.settings.needs_affinity:
        if world.settings.needs_prompts:  # before the prompt is among those that were sent there
            note_sent(world, state, instance, request)
        remember_prompt(world, state, instance, request)
    if world.settings.needs_sessions:
        session = world.workload.table.session[request]
        if session >= 0:
            state.sessions[session] = instance
