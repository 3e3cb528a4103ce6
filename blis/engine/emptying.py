"""Taking requests away from an instance: those that it has not begun when it drains, all of them when it dies.

A request that is taken away is as it was before it was routed, and goes to the router again; where an instance that
dies loses what it has, it is lost instead. A step happens entirely when it is composed, so what a dead instance had
composed still counts: whose last token is in it, completes. Everything else that it computed is gone, its cache
included.
"""

from blis.engine._jit import kernel
from blis.engine.adapters import forget_adapters
from blis.engine.aside import bring_back
from blis.engine.awaiting_kv import next_awaiting, stop_awaiting
from blis.engine.claims import EMPTY, has_claims, leave_claim
from blis.engine.codes import (
    AWAITING_EMBEDDINGS,
    ENCODING,
    FIXED_ORDER,
    HELD,
    KV_LOST,
    LOST,
    N_LOST,
    N_RETURNED,
    NEVER_US,
    NOT_STARTED,
    PREFILLING,
    RETURN_ROOT,
    TRANSFERRING,
)
from blis.engine.encoding import forget_encoding
from blis.engine.encoding_apart import stop_encoding
from blis.engine.feedback import REFUSED_PAUSE_US, release_followers
from blis.engine.forgetting import forget_cache, forget_sent, give_back_pieces
from blis.engine.gate_record import forget_running, note_taken_away
from blis.engine.handing_over import end_stay, plan_start
from blis.engine.heap import AS_QUEUED, AS_TAKEN, meld, without_root
from blis.engine.holding import release
from blis.engine.next_event import set_next_event
from blis.engine.outgoing import forget_leg, leave_line, wake
from blis.engine.patience import end_patience
from blis.engine.sent_prompts import note_dropped
from blis.engine.state import LOST_ENTRIES, PAUSES, State
from blis.engine.step_end import note_event
from blis.engine.swapping import forget_copies, lose_copy
from blis.engine.views import World
from blis.engine.waiting import forget_waiting, unlink_waiting


@kernel
def hand_back(world: World, state: State, instance: int, now_us: int) -> int:
    """Give the router what is on its way into the wait queue, or encoded for it, and what was never taken there."""
    before = state.scratch.cluster[N_RETURNED]
    if world.settings.encodes_apart:
        take_encoding(world, state, instance, False, 0, now_us)
    _hand_back_pending(world, state, instance, now_us)
    if world.settings.has_adapters:
        bring_back(world, state, instance)
    if world.settings.queue_kind == FIXED_ORDER:
        _hand_back_ordered(world, state, instance, now_us)
    else:
        _hand_back_listed(world, state, instance, now_us)
    instances = state.instances
    if instances.running_requests[instance] + instances.queued_requests[instance] == 0:
        if instances.steps_under_way[instance] == 0:
            instances.next_step_us[instance] = NEVER_US
    set_next_event(state, instance)
    return state.scratch.cluster[N_RETURNED] - before


@kernel
def empty_instance(world: World, state: State, instance: int, loses: int, now_us: int) -> int:
    """Take everything from an instance that dies; return how many requests that were."""
    instances, cluster = state.instances, state.scratch.cluster
    _complete_announced(world, state, instance)
    before = cluster[N_RETURNED] + cluster[N_LOST]
    if world.settings.encodes_apart:  # what an instance encodes is in no batch
        take_encoding(world, state, instance, True, loses, now_us)
        state.encoding.instances.ends_us[instance] = NEVER_US
    if world.settings.has_adapters:
        bring_back(world, state, instance)
    for place in range(instances.running_requests[instance]):
        request = state.batches.members[instance, place]
        give_back_pieces(world, state, instance, request)
        _mark_lost_steps(world, state, instance, request)
        if world.settings.gate_evicts:
            forget_running(world, state, request)
        take_away(world, state, instance, request, loses, now_us)
    while instances.pending_root[instance] >= 0:
        request = instances.pending_root[instance]
        instances.pending_root[instance] = without_root(AS_QUEUED, world.workload, state.requests, request)
        take_away(world, state, instance, request, loses, now_us)
    for place in range(instances.returning_requests[instance]):
        take_away(world, state, instance, state.batches.returning[instance, place], loses, now_us)
    while instances.waiting_head[instance] >= 0:
        request = instances.waiting_head[instance]
        if world.settings.queue_kind == FIXED_ORDER:
            instances.waiting_head[instance] = without_root(AS_TAKEN, world.workload, state.requests, request)
        else:
            instances.waiting_head[instance] = state.requests.link[request]
        if state.requests.stored_tokens[request] > 0:  # its KV has come, and it has not been taken yet
            give_back_pieces(world, state, instance, request)
        take_away(world, state, instance, request, loses, now_us)
    while instances.awaiting_root[instance] >= 0:
        request = next_awaiting(state, instance)
        give_back_pieces(world, state, instance, request)
        take_away(world, state, instance, request, loses, now_us)
    if world.settings.disaggregates:
        take_divided(world, state, instance, loses, now_us)
    _forget_logged(state, instance)
    _begin_anew(world, state, instance)
    return cluster[N_RETURNED] + cluster[N_LOST] - before


@kernel
def take_away(world: World, state: State, instance: int, request: int, loses: int, now_us: int) -> None:
    """Let a request that is in no structure of the instance any more go to the router, or be lost."""
    cluster, requests = state.scratch.cluster, state.requests
    state.instances.taken_away_requests[instance] += 1
    if world.settings.has_gateway:
        note_taken_away(world, state, instance, request, loses != 0)
    if world.settings.disaggregates:
        forget_leg(world, state, request, now_us)
    if world.settings.swaps:
        lose_copy(state, instance, request)
    if world.settings.times_out:
        end_patience(state, request)
    begin_life(world, state, request)
    if loses:
        cluster[N_LOST] += 1
        requests.status[request] = LOST
        if world.settings.lookahead_us != NEVER_US:
            release_followers(world, state, request, now_us + REFUSED_PAUSE_US)
        return
    cluster[N_RETURNED] += 1
    requests.queued_us[request] = now_us + world.settings.routing_latency_us
    cluster[RETURN_ROOT] = meld(AS_QUEUED, world.workload, requests, cluster[RETURN_ROOT], request)


@kernel
def take_divided(world: World, state: State, instance: int, loses: int, now_us: int) -> None:
    """Take away whose KV is on an instance that dies, and let who was to decode there be decoded elsewhere."""
    legs, requests, instances = state.transfers.legs, state.requests, state.instances
    for request in range(requests.shape[0]):
        phase = legs.phase[request]
        if legs.prefill_instance[request] == instance and (phase in (HELD, KV_LOST)):
            take_away(world, state, instance, request, loses, now_us)
        elif legs.prefill_instance[request] == instance and phase == TRANSFERRING:
            decode = requests.instance[request]
            stop_awaiting(state, decode, request)
            known = requests.registered_blocks[request] * world.settings.block_size_tokens
            release(world, state, decode, request, requests.stored_tokens[request], known)
            instances.in_flight_requests[decode] -= 1
            take_away(world, state, decode, request, loses, now_us)
            wake(world, state, decode, now_us)
            set_next_event(state, decode)
        elif legs.decode_instance[request] == instance and (phase in (PREFILLING, HELD, KV_LOST)):
            leave_line(state, request, now_us)
            instances.promised_requests[instance] -= 1
            legs.decode_instance[request] = -1
            if phase != PREFILLING and legs.in_heap[request] == 0:
                plan_start(state, request, now_us)


@kernel
def take_encoding(world: World, state: State, instance: int, is_dying: bool, loses: int, now_us: int) -> None:
    """Take away whose media are encoded for an instance, and whom it would encode, or does encode if it dies.

    Those whose embeddings are on their way to it are among them; the pass of whoever encodes for it goes on.
    """
    encoded, requests = state.encoding.requests, state.requests
    for request in range(requests.shape[0]):
        status, target = requests.status[request], requests.instance[request]
        if status != ENCODING and status != AWAITING_EMBEDDINGS:
            continue
        is_unbegun = status == ENCODING and encoded.started_us[request] < 0
        encodes = encoded.encode_instance[request] == instance and (is_dying or is_unbegun)
        if target == instance or encodes:
            stop_encoding(world, state, request)
            _take_unbegun(world, state, target, request, loses, now_us)


@kernel
def begin_life(world: World, state: State, request: int) -> None:
    """Make a request as it was before it was routed, but for what it has cost so far."""
    requests = state.requests
    requests.status[request] = NOT_STARTED
    requests.instance[request] = -1
    requests.sent_tokens[request] = -1
    requests.scheduled_us[request] = -1
    requests.first_token_us[request] = -1
    requests.leaves_us[request] = -1
    requests.cached_blocks[request] = -1
    requests.text_tokens[request] = world.workload.table.input_tokens[request]
    requests.stored_tokens[request] = 0
    requests.registered_blocks[request] = 0
    requests.chunk_step[request] = 0
    requests.chunk_tokens[request] = 0
    requests.earlier_chunk_step[request] = 0
    requests.decoding_since[request] = 0
    requests.decode_base[request] = 0
    requests.finish_step[request] = 0
    requests.batch_rank[request] = 0
    requests.clock_mark_us[request] = 0
    requests.left_out_us[request] = 0
    requests.detached_blocks[request] = 0
    requests.last_piece[request] = -1
    requests.link[request] = -1
    requests.back_link[request] = -1
    requests.fill_previous[request] = -1
    requests.fill_next[request] = -1
    requests.paused_us[request] = 0
    if state.drafts.shape[0] > 0:
        state.drafts.reached_tokens[request] = 0
        state.drafts.keyed_tokens[request] = 0
        state.drafts.accepted_tokens[request] = 0
    if world.settings.has_adapters:
        state.adapters.requests.shut_out_us[request] = -1
    if world.settings.has_encoder:
        forget_encoding(state, request)


@kernel
def _hand_back_pending(world: World, state: State, instance: int, now_us: int) -> None:
    instances = state.instances
    while instances.pending_root[instance] >= 0:
        request = instances.pending_root[instance]
        instances.pending_root[instance] = without_root(AS_QUEUED, world.workload, state.requests, request)
        instances.pending_requests[instance] -= 1
        instances.pending_tokens[instance] -= world.workload.table.input_tokens[request]
        _take_unbegun(world, state, instance, request, 0, now_us)


@kernel
def _take_unbegun(world: World, state: State, instance: int, request: int, loses: int, now_us: int) -> None:
    """Take away a request that is in flight to an instance and holds nothing there."""
    state.instances.in_flight_requests[instance] -= 1
    if world.settings.needs_prompts and state.requests.sent_tokens[request] >= 0:
        note_dropped(world, state, instance, request)
    take_away(world, state, instance, request, loses, now_us)


@kernel
def _stays(world: World, state: State, request: int) -> bool:
    """Whether a waiting request has been taken before, or has KV here, and so goes on where it is."""
    return (
        state.requests.scheduled_us[request] >= 0
        or state.requests.preemptions[request] > 0
        or state.requests.stored_tokens[request] > 0
    )


@kernel
def leave_queue(world: World, state: State, instance: int, request: int) -> None:
    """Count a request as waiting no more, which has been taken out of the queue itself."""
    forget_waiting(world, state, instance, request)
    if world.settings.needs_service:
        place = instance * world.settings.n_tenants + world.workload.table.tenant[request]
        state.learned.tenants.queued_requests[place] -= 1
    for order in range(2):
        if has_claims(state, order, instance):
            leave_claim(state, order, instance, request)


@kernel
def _hand_back_ordered(world: World, state: State, instance: int, now_us: int) -> None:
    """Empty the heap of those that wait, and make a new one of those that stay."""
    instances, requests, staying = state.instances, state.requests, -1
    while instances.waiting_head[instance] >= 0:
        request = instances.waiting_head[instance]
        instances.waiting_head[instance] = without_root(AS_TAKEN, world.workload, requests, request)
        requests.link[request] = -1
        requests.back_link[request] = -1
        if _stays(world, state, request):
            staying = meld(AS_TAKEN, world.workload, requests, staying, request)
        else:
            leave_queue(world, state, instance, request)
            _take_unbegun(world, state, instance, request, 0, now_us)
    instances.waiting_head[instance] = staying


@kernel
def _hand_back_listed(world: World, state: State, instance: int, now_us: int) -> None:
    """Take those that go out of the list of those that wait."""
    instances, requests = state.instances, state.requests
    request = instances.waiting_head[instance]
    while request >= 0:
        after = requests.link[request]
        if not _stays(world, state, request):
            unlink_waiting(state, instance, request)
            leave_queue(world, state, instance, request)
            _take_unbegun(world, state, instance, request, 0, now_us)
        request = after


@kernel
def _complete_announced(world: World, state: State, instance: int) -> None:
    """Whoever has its last token from a step that was composed completes; it may wait in the meantime."""
    instances, table, count = state.instances, world.workload.table, state.instances.ending_requests[instance]
    for place in range(count):
        request = state.batches.ending[instance, place]
        stored = table.input_tokens[request] + max(table.output_tokens[request], 1) - 1
        end_stay(world, state, instance, request, stored)
    instances.ending_requests[instance] = 0
    if count > 0:
        note_event(state, instance, instances.busy_until_us[instance])


@kernel
def _mark_lost_steps(world: World, state: State, instance: int, request: int) -> None:
    """Keep in which steps a running request decoded in vain."""
    requests, last = state.requests, state.instances.step_number[instance]
    first = requests.decoding_since[request]
    has_text = requests.stored_tokens[request] >= requests.text_tokens[request]
    is_decoding = has_text and requests.first_token_us[request] >= 0
    if not world.settings.record_steps or not is_decoding or last < first:
        return
    lost, entry = state.log.lost, state.log.counters[LOST_ENTRIES]
    lost.instance[entry] = instance
    lost.request[entry] = request
    lost.first[entry] = first
    lost.last[entry] = last
    state.log.counters[LOST_ENTRIES] = entry + 1


@kernel
def _forget_logged(state: State, instance: int) -> None:
    """Let what the log says of lives that ended here count for nobody: their requests are named -1."""
    lost, pauses, requests = state.log.lost, state.log.pauses, state.requests
    for entry in range(state.log.counters[LOST_ENTRIES]):
        request = lost.request[entry]
        if lost.instance[entry] == instance and request >= 0 and requests.instance[request] < 0:
            lost.request[entry] = -1
    for entry in range(state.log.counters[PAUSES]):
        request = pauses.request[entry]
        if pauses.instance[entry] == instance and request >= 0 and requests.instance[request] < 0:
            pauses.request[entry] = -1


@kernel
def _begin_anew(world: World, state: State, instance: int) -> None:
    """An engine that has just been started: nobody waits or runs, and the cache is empty."""
    instances = state.instances
    instances.next_event_us[instance] = NEVER_US
    instances.next_step_us[instance] = NEVER_US
    instances.pending_root[instance] = -1
    instances.awaiting_root[instance] = -1
    instances.loaded_root[instance] = -1
    instances.awaiting_kv_requests[instance] = 0
    instances.outgoing_root[instance] = -1
    instances.outgoing_requests[instance] = 0
    instances.awaiting_transfer_requests[instance] = 0
    instances.prefill_legs[instance] = 0
    instances.promised_requests[instance] = 0
    instances.line_head[instance] = -1
    instances.line_tail[instance] = -1
    instances.step_fixed[instance] = 0
    instances.busy_until_us[instance] = 0
    instances.waiting_head[instance] = -1
    instances.waiting_tail[instance] = -1
    instances.queued_requests[instance] = 0
    instances.queued_tokens[instance] = 0
    instances.running_requests[instance] = 0
    instances.prefilling_requests[instance] = 0
    instances.decode_requests[instance] = 0
    instances.decode_context_tokens[instance] = 0
    instances.left_out_requests[instance] = 0
    instances.resuming_requests[instance] = 0
    instances.steps_under_way[instance] = 0
    instances.fills_are_due[instance] = 0
    instances.ending_requests[instance] = 0
    instances.returning_requests[instance] = 0
    instances.pending_requests[instance] = 0
    instances.pending_tokens[instance] = 0
    instances.in_flight_requests[instance] = 0
    instances.idle_preemptions[instance] = 0
    batches, size = state.batches, world.settings.block_size_tokens
    for phase in range(size):
        batches.crossing[instance, phase] = 0
        batches.fill_head[instance, phase] = -1
    for order in range(state.trace.claim_roots.shape[0]):
        if has_claims(state, order, instance):
            state.trace.claim_roots[order, instance] = EMPTY
    if world.settings.needs_service:
        first = instance * world.settings.n_tenants
        for place in range(first, first + world.settings.n_tenants):
            state.learned.tenants.queued_requests[place] = 0
            state.learned.tenants.input_tokens[place] = 0
            state.learned.tenants.written_tokens[place] = 0
            state.learned.tenants.batch_tokens[place] = 0
            state.learned.tenants.lift[place] = 0.0
    if world.settings.has_adapters:
        forget_adapters(world, state, instance)
    if world.settings.swaps:
        forget_copies(state, instance)
    forget_cache(world, state, instance)
    forget_sent(world, state, instance)
