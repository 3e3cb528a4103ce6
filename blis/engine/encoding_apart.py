"""Encoding on another instance than the one that computes the prompt: decided when that one has been chosen.

The order of llm-d's router: who decodes is chosen, and who computes the prompt if that is another one; if the request
has images, audio or video, the policy of the question `encoding` is asked, and chooses an instance that encodes. Only
when the embeddings are where they are needed is the request on its way into the queue there; until then it counts there
as one that is on its way, since the router has sent it.

An instance that encodes does nothing else. It serves those that wait in the order of their coming, in passes: as many
at a time as its step budget has tokens for, but one at least, and no more than it may run requests. That is vLLM's
scheduler, whose budget of the encoder is that of the step. One instance encodes all media of a request; vLLM's proxy
and llm-d's side-car spread the pictures of one request over several.

A transfer takes base + bytes / bandwidth, a microsecond at least, rounded up; where transfers share the bandwidth, each
gets its part of those under way at its start, itself included, for its whole life, as with transfers of KV. No place is
reserved for embeddings where they go: vLLM's cache for them lies beside the KV cache.

The ends of passes and the arrivals of embeddings are events of the cluster: passes first, by instance, then arrivals.
"""

import math

from blis.engine._jit import kernel
from blis.engine.candidates import find_encoders, is_candidate
from blis.engine.choosing import choose_encoder
from blis.engine.codes import (
    ARRIVAL_OF_EMBEDDINGS_ROOT,
    AWAITING_EMBEDDINGS,
    BAD_TARGET,
    DONE,
    EMBEDDING_DEPTH_PEAK,
    EMBEDDING_DEPTH_SUM,
    ENCODING,
    N_CANDIDATES,
    N_ENCODED_APART,
    N_MOVING_EMBEDDINGS,
    N_SENT_TO_ENCODERS,
    NEVER_US,
    NOT_STARTED,
)
from blis.engine.encoding import note_pass
from blis.engine.events import inject
from blis.engine.patience import begin_patience
from blis.engine.ranked_heap import make_node, melded, without
from blis.engine.records import Records
from blis.engine.reference import by_reference
from blis.engine.signals import prepare_view, view_at
from blis.engine.state import State
from blis.engine.step_end import note_event
from blis.engine.views import ENCODES, EncodingView, RouterView, World, encode_at
from blis.engine.views import ENCODING as ENCODING_QUESTION
from blis.engine.waiting import request_view

_NOBODY = -1


@kernel
def choose_where_to_encode(world: World, state: State, view: RouterView, request: int, target: int, now_us: int) -> int:
    """The instance that encodes for a request that `target` is to compute: -1 if that is `target` itself."""
    if world.workload.table.encoder_tokens[request] == 0 or find_encoders(world, state, request) == 0:
        return _NOBODY
    prepare_view(world, state, request)
    seen = by_reference(request_view(world, state, request))
    encoders = by_reference(_encoding_view(world, state, request, target))
    asks = encode_at(world.answers[ENCODES])(
        view_at(world, state, view, now_us), encoders, seen,
        world.parameters[ENCODING_QUESTION], world.memory[ENCODING_QUESTION],
    )  # fmt: skip
    return choose_encoder(world, state, view, request, now_us) if asks != 0 else _NOBODY


@kernel
def _encoding_view(world: World, state: State, request: int, target: int) -> EncodingView:
    """What the policy sees of who encodes, and of who would else."""
    signals, instances, limits = state.signals, state.instances, world.limits
    tokens, requests, budget = 0, 0, 0
    for instance in state.scratch.eligible[: state.scratch.cluster[N_CANDIDATES]]:
        tokens += signals.queued_tokens[instance]
        requests += signals.queued_requests[instance] + signals.running_requests[instance]
        budget += limits.step_token_budget[instance]
    return EncodingView(
        target,
        world.workload.table.encoder_tokens[request],
        state.scratch.cluster[N_CANDIDATES],
        requests,
        tokens,
        budget,
        signals.queued_requests[target] + instances.pending_requests[target],
        signals.queued_tokens[target] + instances.pending_tokens[target],
        signals.running_requests[target],
        limits.step_token_budget[target],
        state.encoding.places[N_MOVING_EMBEDDINGS],
    )


@kernel
def send_to_encoder(world: World, state: State, encoder: int, target: int, request: int, now_us: int) -> int:
    """Let an instance encode for a request that is then computed by `target`; return DONE or BAD_TARGET."""
    if not is_candidate(world, state, encoder):
        return BAD_TARGET
    requests, instances = state.requests, state.instances
    encoders, encoded, table = state.encoding.instances, state.encoding.requests, world.workload.table
    requests.status[request] = ENCODING
    requests.queued_us[request] = now_us
    instances.pending_requests[target] += 1
    instances.pending_tokens[target] += table.input_tokens[request]
    instances.in_flight_requests[target] += 1
    encoded.encode_instance[request] = encoder
    encoded.sent_us[request] = now_us
    encoded.next_waiting[request] = -1
    if encoders.first_waiting[encoder] < 0:
        encoders.first_waiting[encoder] = request
    else:
        encoded.next_waiting[encoders.last_waiting[encoder]] = request
    encoders.last_waiting[encoder] = request
    encoders.waiting_requests[encoder] += 1
    instances.queued_requests[encoder] += 1
    instances.queued_tokens[encoder] += table.encoder_tokens[request]
    instances.in_flight_requests[encoder] += 1
    state.encoding.places[N_SENT_TO_ENCODERS] += 1
    note_event(state, encoder, now_us)
    if world.settings.times_out:
        begin_patience(world, state, request)
    if encoders.ends_us[encoder] == NEVER_US:
        _begin_pass(world, state, encoder, now_us)
    return DONE


@kernel
def _begin_pass(world: World, state: State, encoder: int, now_us: int) -> None:
    """Encode for those that wait, as many as fit into a pass; the caller has seen that somebody does."""
    encoders, encoded, instances = state.encoding.instances, state.encoding.requests, state.instances
    budget, most = world.limits.step_token_budget[encoder], world.limits.max_running_requests[encoder]
    request, last, count, tokens = encoders.first_waiting[encoder], _NOBODY, 0, 0
    encoders.first_served[encoder] = request
    while request >= 0 and count < most:
        own = world.workload.table.encoder_tokens[request]
        if count > 0 and tokens + own > budget:
            break
        tokens += own
        count += 1
        encoded.started_us[request] = now_us
        last = request
        request = encoded.next_waiting[request]
    encoded.next_waiting[last] = -1
    encoders.first_waiting[encoder] = request
    if request < 0:
        encoders.last_waiting[encoder] = -1
    encoders.waiting_requests[encoder] -= count
    encoders.served_requests[encoder] += count
    instances.queued_requests[encoder] -= count
    instances.queued_tokens[encoder] -= tokens
    instances.running_requests[encoder] += count
    taken_us = max(1, note_pass(world, state, encoder, tokens))
    encoders.ends_us[encoder] = now_us + taken_us
    instances.busy_until_us[encoder] = now_us + taken_us
    instances.step_us[encoder] = taken_us
    instances.step_clock_us[encoder] += taken_us


@kernel
def next_encoding_us(state: State) -> int:
    """When a pass on an instance that only encodes ends next, or embeddings arrive; NEVER_US if neither is due."""
    root = state.encoding.places[ARRIVAL_OF_EMBEDDINGS_ROOT]
    next_us = int(state.encoding.requests.key[root]) if root >= 0 else NEVER_US
    for instance in range(state.encoding.instances.shape[0]):
        next_us = min(next_us, state.encoding.instances.ends_us[instance])
    return next_us


@kernel
def run_next_encoding(world: World, state: State, now_us: int) -> None:
    """Let the first pass end that ends now, or else the first embeddings arrive."""
    for instance in range(world.settings.n_instances):
        if state.encoding.instances.ends_us[instance] == now_us:
            _end_pass(world, state, instance, now_us)
            return
    _receive_embeddings(world, state, now_us)


@kernel
def _end_pass(world: World, state: State, encoder: int, now_us: int) -> None:
    """Send the embeddings of all that were served on their way, and go on with those that wait."""
    encoders, encoded, instances = state.encoding.instances, state.encoding.requests, state.instances
    request = encoders.first_served[encoder]
    while request >= 0:
        following = encoded.next_waiting[request]
        encoded.next_waiting[request] = -1
        encoded.encoded_us[request] = now_us
        instances.in_flight_requests[encoder] -= 1
        _send_embeddings(world, state, request, now_us)
        request = following
    instances.running_requests[encoder] -= encoders.served_requests[encoder]
    instances.handed_over_requests[encoder] += encoders.served_requests[encoder]
    encoders.served_requests[encoder] = 0
    encoders.first_served[encoder] = -1
    encoders.ends_us[encoder] = NEVER_US
    note_event(state, encoder, now_us)
    if encoders.first_waiting[encoder] >= 0:
        _begin_pass(world, state, encoder, now_us)


@kernel
def embedding_us(world: World, encoder: int, tokens: int, depth: int) -> int:
    """How long the embeddings of so many tokens are on their way, with so many transfers at the start."""
    settings = world.settings
    moving_us = tokens * world.limits.embedding_token_bytes[encoder] * 1000.0 / settings.embedding_bytes_per_ms
    if settings.embeddings_share:
        moving_us *= depth
    return max(1, math.ceil(settings.embedding_base_us + moving_us))


@kernel
def _send_embeddings(world: World, state: State, request: int, now_us: int) -> None:
    places, encoded = state.encoding.places, state.encoding.requests
    places[N_MOVING_EMBEDDINGS] += 1
    depth, encoder = places[N_MOVING_EMBEDDINGS], encoded.encode_instance[request]
    arrives_us = now_us + embedding_us(world, encoder, world.workload.table.encoder_tokens[request], depth)
    places[N_ENCODED_APART] += 1
    places[EMBEDDING_DEPTH_SUM] += depth
    places[EMBEDDING_DEPTH_PEAK] = max(places[EMBEDDING_DEPTH_PEAK], depth)
    encoded.arrives_us[request], encoded.depth[request] = arrives_us, depth
    state.requests.status[request] = AWAITING_EMBEDDINGS
    make_node(encoded, request, float(arrives_us), state.requests.routing_rank[request])
    places[ARRIVAL_OF_EMBEDDINGS_ROOT] = melded(encoded, places[ARRIVAL_OF_EMBEDDINGS_ROOT], request)


@kernel
def _receive_embeddings(world: World, state: State, now_us: int) -> None:
    """The embeddings that arrive next are there: their request is on its way into the queue."""
    request = state.encoding.places[ARRIVAL_OF_EMBEDDINGS_ROOT]
    target = state.requests.instance[request]
    _stop_moving(state, request)
    state.encoding.requests.encoded_tokens[request] = world.workload.table.encoder_tokens[request]
    _unsend(world, state, target, request)
    state.instances.in_flight_requests[target] -= 1  # counted again as it gets there
    inject(world, state, target, request, now_us)


@kernel
def _stop_moving(state: State, request: int) -> None:
    places, encoded = state.encoding.places, state.encoding.requests
    places[ARRIVAL_OF_EMBEDDINGS_ROOT] = without(encoded, places[ARRIVAL_OF_EMBEDDINGS_ROOT], request)
    places[N_MOVING_EMBEDDINGS] -= 1


@kernel
def _unsend(world: World, state: State, target: int, request: int) -> None:
    """Let a request not count as on its way into the queue of the instance that is to compute it."""
    instances = state.instances
    instances.pending_requests[target] -= 1
    instances.pending_tokens[target] -= world.workload.table.input_tokens[request]
    state.requests.status[request] = NOT_STARTED


@kernel
def stop_encoding(world: World, state: State, request: int) -> None:
    """Take a request away from the instance that encodes for it, or its embeddings from their way.

    It is still in flight to the instance that was to compute it: the caller takes it away from there.
    """
    target = state.requests.instance[request]
    if state.requests.status[request] == AWAITING_EMBEDDINGS:
        _stop_moving(state, request)
    else:
        _leave_encoder(world, state, request)
    _unsend(world, state, target, request)


@kernel
def _leave_encoder(world: World, state: State, request: int) -> None:
    """A pass under way goes on for the others, and takes as long."""
    encoders, encoded, instances = state.encoding.instances, state.encoding.requests, state.instances
    encoder = encoded.encode_instance[request]
    instances.in_flight_requests[encoder] -= 1
    instances.taken_away_requests[encoder] += 1
    if encoded.started_us[request] < 0:
        before = _before(encoded, encoders.first_waiting[encoder], request)
        if before < 0:
            encoders.first_waiting[encoder] = encoded.next_waiting[request]
        else:
            encoded.next_waiting[before] = encoded.next_waiting[request]
        if encoders.last_waiting[encoder] == request:
            encoders.last_waiting[encoder] = before
        encoders.waiting_requests[encoder] -= 1
        instances.queued_requests[encoder] -= 1
        instances.queued_tokens[encoder] -= world.workload.table.encoder_tokens[request]
    else:
        before = _before(encoded, encoders.first_served[encoder], request)
        if before < 0:
            encoders.first_served[encoder] = encoded.next_waiting[request]
        else:
            encoded.next_waiting[before] = encoded.next_waiting[request]
        encoders.served_requests[encoder] -= 1
        instances.running_requests[encoder] -= 1
    encoded.next_waiting[request] = -1


@kernel
def _before(encoded: Records, first: int, request: int) -> int:
    """Who stands before a request in a list; -1 if it is the first."""
    before = _NOBODY
    while first != request:
        before = first
        first = encoded.next_waiting[first]
    return before
