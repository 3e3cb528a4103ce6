"""Transfers of KV from the instance that computed a prompt to the one that decodes: when they start, what they take.

The start of a transfer is an event of the cluster. It is tried as soon as the prompt is computed: blocks for the whole
prompt are reserved where it will be decoded, those that its cache holds already are not sent, and the request waits
there until the rest has come. Without room it stands in a line for it, first come, first served, which is looked at
after every event of that instance: as with vLLM the request waits for its blocks, and its KV stays where it is. An
instance that has nothing to do and no room can make none; then the request goes back to the router, and is not divided
again. An instance that is not routable any more is replaced by another.

Time: base + bytes / bandwidth, a microsecond at least, rounded up; bytes are those of a GPU of the sending instance.
Where transfers share the bandwidth, each gets its part of those under way at its start, itself included, for its whole
life. Where layers are sent while the next are computed, what is left of T when the prompt is done is the larger of one
layer's part, T / layers, and T minus the time from the request's first step to its last: own derivation, for a link
that is as fast for a layer as for all of them.

Source of flow and formula: inference-sim, as `reference/cluster.md` 15.3 has it, which drops a request without room.
"""

import math

from blis.engine._jit import kernel
from blis.engine.awaiting_kv import park
from blis.engine.candidates import find_candidates, keep_usable
from blis.engine.choosing import choose_decoder
from blis.engine.codes import (
    DONE,
    DROPPED,
    GROW,
    KV_LOST,
    N_TRANSFERS,
    NEVER_US,
    NOW_US,
    START_ROOT,
    TRANSFER_DEPTH_PEAK,
    TRANSFER_DEPTH_SUM,
    TRANSFER_RETURNS,
)
from blis.engine.emptying import take_away
from blis.engine.encoding import forget_encoded
from blis.engine.events import never_fits
from blis.engine.feedback import release_followers
from blis.engine.free_blocks import free_blocks, take_blocks
from blis.engine.handing_over import plan_start
from blis.engine.holding import cached_prefix, claim_prefix
from blis.engine.outgoing import forget_leg, forget_start, leave_line, send_kv
from blis.engine.patience import end_patience
from blis.engine.room import has_room_beside
from blis.engine.sequence import own_segments
from blis.engine.signals import prepare_view
from blis.engine.state import State
from blis.engine.views import RouterView, World


@kernel
def next_transfer_us(state: State) -> int:
    """When a transfer is to be started next; NEVER_US if none is due."""
    root = state.transfers.places[START_ROOT]
    return int(state.transfers.legs.key[root]) if root >= 0 else NEVER_US


@kernel
def earliest_handover_us(world: World, state: State) -> int:
    """Time before which no transfer can become due that is not due yet: a step that completes a prompt takes time."""
    earliest_us = NEVER_US
    for instance in range(world.settings.n_instances):
        if state.instances.prefill_legs[instance] > 0 and state.instances.next_event_us[instance] < NEVER_US:
            end_us = state.instances.next_event_us[instance] + world.limits.least_step_us[instance]
            earliest_us = min(earliest_us, end_us + 1)
    return earliest_us


@kernel
def start_next_transfer(world: World, state: State, view: RouterView, now_us: int) -> int:
    """Try to start the transfer that is due now; return DONE, or GROW before anything has happened."""
    legs, requests, instances = state.transfers.legs, state.requests, state.instances
    request = state.transfers.places[START_ROOT]
    prefill = legs.prefill_instance[request]
    offsets = world.workload.segment_offsets
    most_runs = 2 * (offsets[request + 1] - offsets[request] + own_segments(world, request)) + 4
    most_runs += requests.text_tokens[request] // world.settings.block_size_tokens  # each that is taken may evict one
    if not has_room_beside(world, state, prefill, most_runs):
        return GROW
    state.scratch.step[NOW_US] = now_us
    if legs.phase[request] == KV_LOST:
        _hand_back(world, state, request, now_us)
        return DONE
    decode = legs.decode_instance[request]
    if decode < 0 or instances.routable[decode] == 0:
        leave_line(state, request, now_us)
        decode = _find_decoder(world, state, view, request, now_us)
        if decode < 0:
            _hand_back(world, state, request, now_us)
            return DONE
    forget_start(state, request)
    if never_fits(world, decode, request):
        _drop(world, state, request, decode, now_us)
        return DONE
    head = instances.line_head[decode]
    if head >= 0 and head != request:
        legs.next_in_line[instances.line_tail[decode]] = request
        instances.line_tail[decode] = request
        return DONE
    sent = _reserve(world, state, decode, request)
    if sent >= 0:
        leave_line(state, request, now_us)
        _send(world, state, request, decode, sent, now_us)
        return DONE
    if instances.next_event_us[decode] == NEVER_US:
        _hand_back(world, state, request, now_us)
        return DONE
    if head < 0:
        instances.line_head[decode] = request
        instances.line_tail[decode] = request
    plan_start(state, request, max(now_us, instances.next_event_us[decode]) + 1)
    return DONE


@kernel
def _find_decoder(world: World, state: State, view: RouterView, request: int, now_us: int) -> int:
    """Choose who decodes among those that can use the KV, and promise it the request; -1: there is nobody."""
    legs, instances = state.transfers.legs, state.instances
    if legs.decode_instance[request] >= 0:
        instances.promised_requests[legs.decode_instance[request]] -= 1
        legs.decode_instance[request] = -1
    find_candidates(world, state, request)
    if keep_usable(world, state, legs.prefill_instance[request]) == 0:
        return -1
    prepare_view(world, state, request)
    decode = choose_decoder(world, state, view, request, now_us)
    legs.decode_instance[request] = decode
    instances.promised_requests[decode] += 1
    return decode


@kernel
def _reserve(world: World, state: State, decode: int, request: int) -> int:
    """Let the request hold blocks for its prompt there; return how many it has to be sent, or -1 if there is no room.

    The last block is sent in any case: its last token is computed again, and nobody else may write into what is shared.
    """
    requests, instances, size = state.requests, state.instances, world.settings.block_size_tokens
    prefill, text = requests.instance[request], requests.text_tokens[request]
    requests.instance[request] = decode
    found, found_free, parts = cached_prefix(world, state, decode, request)
    if found * size == text:
        found -= 1
        if state.cache.runs.references[state.scratch.hits[parts - 1, 0]] == 0:
            found_free -= 1
    sent = -(-text // size) - found
    needed = sent + found_free
    if instances.running_requests[decode] > 0:
        needed += world.limits.watermark_blocks[decode]
    if needed > free_blocks(world, state, decode):
        requests.instance[request] = prefill
        return -1
    claim_prefix(world, state, decode, request, found)
    take_blocks(world, state, decode, sent)
    instances.cache_misses[decode] -= sent  # they are neither found nor computed here
    requests.stored_tokens[request] = text
    return sent


@kernel
def transfer_us(world: World, state: State, request: int, sent_blocks: int, depth: int) -> int:
    """How long a transfer takes after the prompt is done, with so many under way at its start."""
    settings, legs = world.settings, state.transfers.legs
    prefill = legs.prefill_instance[request]
    sent_bytes = sent_blocks * settings.block_size_tokens * world.limits.kv_bytes_per_token[prefill]
    moving_us = sent_bytes * 1000.0 / settings.transfer_bytes_per_ms
    if settings.transfers_share:
        moving_us *= depth
    if settings.transfers_overlap:
        computing_us = legs.prefilled_us[request] - state.requests.scheduled_us[request]
        moving_us = max(moving_us / world.limits.kv_layers[prefill], moving_us - computing_us)
    return max(1, math.ceil(settings.transfer_base_us + moving_us))


@kernel
def _send(world: World, state: State, request: int, decode: int, sent_blocks: int, now_us: int) -> None:
    """Start a transfer whose blocks are reserved."""
    legs, instances, places = state.transfers.legs, state.instances, state.transfers.places
    prefill = legs.prefill_instance[request]
    depth = 1
    for instance in range(world.settings.n_instances):
        depth += instances.outgoing_requests[instance]
    started_us = legs.prefilled_us[request] if now_us == legs.prefilled_us[request] + 1 else now_us
    arrives_us = started_us + transfer_us(world, state, request, sent_blocks, depth)
    places[N_TRANSFERS] += 1
    places[TRANSFER_DEPTH_SUM] += depth
    places[TRANSFER_DEPTH_PEAK] = max(places[TRANSFER_DEPTH_PEAK], depth)
    legs.started_us[request], legs.arrives_us[request] = started_us, arrives_us
    legs.depth[request], legs.sent_blocks[request] = depth, sent_blocks
    _leave_prefill(world, state, request)
    if world.settings.has_encoder:  # its embeddings stay where its prompt was computed
        forget_encoded(state, request)
    instances.handed_over_requests[prefill] += 1
    instances.in_flight_requests[decode] += 1
    instances.received_requests[decode] += 1
    instances.received_tokens[decode] += world.workload.table.input_tokens[request]
    if world.settings.has_gateway:
        tokens = world.workload.table.input_tokens[request]
        state.gateway.in_flight_tokens[prefill] -= tokens
        state.gateway.in_flight_tokens[decode] += tokens
    send_kv(state, request, arrives_us)
    park(world, state, decode, request, arrives_us)


@kernel
def _leave_prefill(world: World, state: State, request: int) -> None:
    """Count a request no more where its prompt was computed, and as promised where it is to be decoded."""
    legs, instances = state.transfers.legs, state.instances
    prefill, decode = legs.prefill_instance[request], legs.decode_instance[request]
    instances.awaiting_transfer_requests[prefill] -= 1
    instances.in_flight_requests[prefill] -= 1
    instances.promised_requests[decode] -= 1


@kernel
def _drop(world: World, state: State, request: int, decode: int, now_us: int) -> None:
    """Let a request go that its decode instance can never serve, however empty it is."""
    requests, instances, legs = state.requests, state.instances, state.transfers.legs
    prefill = legs.prefill_instance[request]
    instances.handed_over_requests[prefill] += 1
    instances.in_flight_requests[prefill] -= 1
    if world.settings.has_gateway:
        state.gateway.in_flight_tokens[prefill] -= world.workload.table.input_tokens[request]
    forget_leg(world, state, request, now_us)
    requests.instance[request] = decode
    requests.status[request] = DROPPED
    instances.dropped_requests[decode] += 1
    if world.settings.times_out:
        end_patience(state, request)
    if world.settings.lookahead_us != NEVER_US:
        release_followers(world, state, request, now_us + 1)


@kernel
def _hand_back(world: World, state: State, request: int, now_us: int) -> None:
    """Give a request whose transfer cannot be to the router, which does not divide it again."""
    legs = state.transfers.legs
    prefill = legs.prefill_instance[request]
    legs.stays_whole[request] = 1
    state.transfers.places[TRANSFER_RETURNS] += 1
    state.instances.in_flight_requests[prefill] -= 1
    take_away(world, state, prefill, request, 0, now_us)
