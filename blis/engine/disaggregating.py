"""Dividing a request: one instance computes its prompt, another decodes it; decided when the latter has been chosen.

The order of llm-d's router: the decode instance is chosen, then the policy of the question `disaggregation` is asked,
then, if it says so, an instance that computes the prompt is chosen. Where no other instance can, the decode instance
does both. The router remembers the prompt as sent to both, and the session as being where it is decoded.
"""

from blis.engine._jit import kernel
from blis.engine.candidates import can_prefill_for, find_candidates, find_prefillers
from blis.engine.choosing import choose_prefiller
from blis.engine.codes import N_CANDIDATES, N_DIVIDED, PREFILLING
from blis.engine.own_blocks import begin_own_segment
from blis.engine.reference import by_reference
from blis.engine.router_index import remember_prompt
from blis.engine.sent_prompts import note_sent
from blis.engine.signals import prepare_view, remember_routing, view_at
from blis.engine.state import State
from blis.engine.views import (
    DISAGGREGATES,
    DISAGGREGATION,
    DisaggregationView,
    RouterView,
    World,
    disaggregate_at,
)
from blis.engine.waiting import request_view

_NOBODY = -1


@kernel
def divide(world: World, state: State, view: RouterView, request: int, decode: int, now_us: int) -> int:
    """Decide whether another instance computes the prompt, and let the router remember; return where it goes first."""
    prefill, is_listed = _NOBODY, True  # whether the candidates of the decode decision are still what is listed
    if not state.transfers.legs.stays_whole[request]:
        cached = 0
        if world.settings.needs_cached_blocks:
            cached = state.scratch.cached_blocks[decode] * world.settings.block_size_tokens
        if world.settings.sees_prefill_instance:
            is_listed = False
            prefill = _find_prefiller(world, state, view, request, decode, now_us)
            find_candidates(world, state, request)
            prepare_view(world, state, request)
            is_listed = True
            if prefill >= 0 and not _asks_for_it(world, state, view, request, decode, prefill, cached, now_us):
                prefill = _NOBODY
        elif _asks_for_it(world, state, view, request, decode, _NOBODY, cached, now_us):
            is_listed = False
            prefill = _find_prefiller(world, state, view, request, decode, now_us)
    if prefill < 0:
        if not is_listed:
            find_candidates(world, state, request)
            prepare_view(world, state, request)
        remember_routing(world, state, decode, request)
        return decode
    _remember_both(world, state, request, prefill, decode)
    legs, instances = state.transfers.legs, state.instances
    legs.phase[request] = PREFILLING
    legs.prefill_instance[request] = prefill
    legs.decode_instance[request] = _NOBODY
    if world.settings.decode_first:
        legs.decode_instance[request] = decode
        instances.promised_requests[decode] += 1
    instances.prefill_legs[prefill] += 1
    state.transfers.places[N_DIVIDED] += 1
    if world.settings.shares_tier:
        begin_own_segment(world, state, request)
    return prefill


@kernel
def _find_prefiller(world: World, state: State, view: RouterView, request: int, decode: int, now_us: int) -> int:
    """Choose who computes the prompt; -1 if nobody else can."""
    if find_prefillers(world, state, request, decode) == 0:
        return _NOBODY
    prepare_view(world, state, request)
    return choose_prefiller(world, state, view, request, now_us)


@kernel
def _remember_both(world: World, state: State, request: int, prefill: int, decode: int) -> None:
    """Let the router's own signals learn where the prompt is computed, and where it will be."""
    if world.settings.needs_affinity:
        if world.settings.needs_prompts:
            note_sent(world, state, prefill, request)
        remember_prompt(world, state, prefill, request)
        remember_prompt(world, state, decode, request)
    if world.settings.needs_sessions:
        session = world.workload.table.session[request]
        if session >= 0:
            state.sessions[session] = decode


@kernel
def _asks_for_it(
    world: World, state: State, view: RouterView, request: int, decode: int, prefill: int, cached: int, now_us: int
) -> bool:
    """Whether the policy divides the request; the candidates of the decode decision are listed."""
    pools = by_reference(_pools_view(world, state, request, decode, prefill, cached))
    return (
        pools.prefill_instances > 0
        and disaggregate_at(world.answers[DISAGGREGATES])(
            view_at(world, state, view, now_us), pools, by_reference(request_view(world, state, request)),
            world.parameters[DISAGGREGATION], world.memory[DISAGGREGATION],
        ) != 0
    )  # fmt: skip


@kernel
def _waiting_tokens(state: State, instance: int) -> int:
    """Prompts that wait at an instance as it reported, or are on their way there."""
    return state.signals.queued_tokens[instance] + state.instances.pending_tokens[instance]


@kernel
def _present_requests(state: State, instance: int) -> int:
    """Requests that wait or run at an instance as it reported, or are on their way there."""
    signals = state.signals
    present = signals.queued_requests[instance] + signals.running_requests[instance]
    return present + state.instances.pending_requests[instance]


@kernel
def _pools_view(world: World, state: State, request: int, decode: int, prefill: int, cached: int) -> DisaggregationView:
    """What the policy sees of both sides."""
    limits, instances = world.limits, state.instances
    n_prefill, prefill_tokens, prefill_requests, prefill_budget = 0, 0, 0, 0
    decode_tokens, decode_requests, decode_slots = 0, 0, 0
    transfers, first, late = 0, 0, 0
    for instance in range(world.settings.n_instances):
        transfers += instances.outgoing_requests[instance]
        first += instances.received_first_tokens[instance]
        late += instances.late_first_tokens[instance]
        if can_prefill_for(world, state, request, instance, decode):
            n_prefill += 1
            prefill_tokens += _waiting_tokens(state, instance)
            prefill_requests += _present_requests(state, instance)
            prefill_budget += limits.step_token_budget[instance]
    for instance in state.scratch.eligible[: state.scratch.cluster[N_CANDIDATES]]:
        decode_tokens += _waiting_tokens(state, instance)
        decode_requests += _present_requests(state, instance)
        decode_requests += instances.promised_requests[instance] + instances.awaiting_kv_requests[instance]
        decode_slots += limits.max_running_requests[instance]
    return DisaggregationView(
        decode,
        prefill,
        cached,
        n_prefill,
        prefill_tokens,
        prefill_requests,
        prefill_budget,
        _waiting_tokens(state, prefill) if prefill >= 0 else 0,
        limits.step_token_budget[prefill] if prefill >= 0 else 0,
        state.scratch.cluster[N_CANDIDATES],
        decode_tokens,
        decode_requests,
        decode_slots,
        limits.step_token_budget[decode],
        state.signals.running_requests[decode],
        limits.max_running_requests[decode],
        transfers,
        first,
        late,
    )
