"""Laws that hold in every state between two events: every outcome pays for the first, tests check them all."""

import numpy as np

from blis.engine.adapter_fields import ON_GPU
from blis.engine.codes import (
    AWAITING_KV,
    AWAITING_TRANSFER,
    DROPPED,
    ENCODING,
    GATE_REQUESTS,
    N_ABANDONED,
    N_CANCELLED,
    N_CANCELLED_SENT,
    N_EVICTIONS,
    N_GATEWAY_EVICTED,
    N_GATEWAY_REJECTED,
    N_LOST,
    N_MOVING_EMBEDDINGS,
    N_REJECTED,
    N_RETURNED,
    N_ROUTED,
    N_UNROUTABLE,
    QUEUED,
    RUNNING,
    STATUS_NAMES,
)
from blis.engine.records import Records
from blis.engine.state import State, Workload
from blis.foundation.errors import LawBrokenError


def check_conservation(state: State) -> None:
    """Check that no request is lost, made or served twice, which takes some tens of microseconds.

    Each request is in one state, and cluster and instances count those states on their own: a request has not started
    if it has not been admitted or refused, waits for its routing, will come again, or is on its way into a wait queue.

    Raises
    ------
    LawBrokenError
        If the requests are in other states than were counted.
    """
    counters = (
        *("pending_requests", "queued_requests", "running_requests", "completed_requests", "dropped_requests"),
        *("awaiting_kv_requests", "awaiting_transfer_requests"),
    )
    # As records they are slower to read.
    instances, requests = state.instances.view(np.ndarray), state.requests.view(np.ndarray)
    pending, queued, running, completed, dropped, *moving = (sum(instances[name].tolist()) for name in counters)
    cluster = state.scratch.cluster
    rejected, unroutable, lost, cancelled = (
        int(cluster[place]) for place in (N_REJECTED, N_UNROUTABLE, N_LOST, N_CANCELLED)
    )
    ended, held = _ends_at_gateway(state), int(state.gateway.places[GATE_REQUESTS])
    waiting, served, embeddings = _at_encoders(state)
    queued, running = queued - waiting, running - served  # who only encodes counts what is there as others do
    pending -= waiting + served + embeddings  # the router has sent them
    not_started = len(requests) - _routed(state) - rejected - unroutable - sum(ended) - held - cancelled + pending
    counted = (
        *(not_started, queued, running, completed, rejected, dropped, unroutable, lost),
        *(*ended[:4], held, *moving, ended[4], cancelled),
        *(waiting + served, embeddings),
    )
    counts = np.bincount(requests["status"], minlength=len(STATUS_NAMES)).tolist()
    for name, expected, got in zip(STATUS_NAMES, counts, counted, strict=True):
        if expected != got:
            raise LawBrokenError(
                f"conservation: {name}_requests must be {expected}, the requests in that state; instances and router "
                f"counted {got}. This is a bug of the simulator."
            )


def _at_encoders(state: State) -> tuple[int, int, int]:
    """How many requests wait to be encoded apart, are being encoded, and have embeddings on their way."""
    encoders = state.encoding.instances.view(np.ndarray)
    moving = int(state.encoding.places[N_MOVING_EMBEDDINGS])
    return int(encoders["waiting_requests"].sum()), int(encoders["served_requests"].sum()), moving


def _routed(state: State) -> int:
    """How many requests have been routed and not taken away again."""
    cluster = state.scratch.cluster
    taken_away = int(cluster[N_RETURNED]) + int(cluster[N_CANCELLED_SENT]) + int(cluster[N_ABANDONED])
    taken_away += int(state.gateway.places[N_EVICTIONS])
    return int(cluster[N_ROUTED]) - taken_away


def n_past(state: State) -> int:
    """How many requests have been routed, for now, or will never be."""
    cluster = state.scratch.cluster
    refused = int(cluster[N_REJECTED]) + int(cluster[N_UNROUTABLE]) + int(cluster[N_CANCELLED])
    return _routed(state) + refused + sum(_ends_at_gateway(state))


def _ends_at_gateway(state: State) -> list[int]:
    """How many requests ended in each of the ways that there are at the gateway."""
    ends: list[int] = state.gateway.places[N_GATEWAY_REJECTED : N_GATEWAY_EVICTED + 1].tolist()
    return ends


def check_laws(workload: Workload, limits: Records, state: State) -> None:
    """Check that no request and no KV block is lost, and that counters say what the requests say.

    Raises
    ------
    LawBrokenError
        If one is broken; the message names the law, the instance and both numbers.
    """
    for instance in range(len(state.instances)):
        _check_blocks(limits, state, instance)
        _check_requests(workload, limits, state, instance)
        if len(state.adapters.holders):
            _check_adapters(workload, limits, state, instance)


def _require(law: str, instance: int, expected: int, got: int) -> None:
    if expected != got:
        raise LawBrokenError(f"{law}: instance {instance} must have {expected}; got {got}.")


def _check_blocks(limits: Records, state: State, instance: int) -> None:
    """Used and free blocks add up to all; free blocks are held by nobody; lists lead back where they began."""
    runs = state.cache.runs
    free, run, before = int(runs.keyless_after[instance]), int(runs.next[instance]), instance
    while run != instance:
        _require("a free block is held by no request", instance, 0, int(runs.references[run]))
        _require("a free list leads back as it leads on", instance, before, int(runs.previous[run]))
        free += int(runs.end[run] - runs.first[run] + runs.keyless_after[run])
        before, run = run, int(runs.next[run])
    used = int(state.instances.used_blocks[instance])
    _require("used and free blocks are all blocks", instance, int(limits.total_blocks[instance]), used + free)


def _check_requests(workload: Workload, limits: Records, state: State, instance: int) -> None:
    """Each routed request is pending, waiting, running, completed or dropped, and counted once."""
    counters, requests = state.instances[instance], state.requests
    here = requests.status[requests.instance == instance]
    waiting, served = _check_encoder(workload, state, instance)
    queued, running = int(counters.queued_requests) - waiting, int(counters.running_requests) - served
    _require("waiting requests are counted", instance, int((here == QUEUED).sum()), queued)
    _require("running requests are counted", instance, int((here == RUNNING).sum()), running)
    awaiting = int((here == AWAITING_KV).sum())
    _require("requests that wait for KV are counted", instance, awaiting, int(counters.awaiting_kv_requests))
    held = int((here == AWAITING_TRANSFER).sum())
    _require("requests whose KV is to leave are counted", instance, held, int(counters.awaiting_transfer_requests))
    _require("dropped requests are counted", instance, int((here == DROPPED).sum()), int(counters.dropped_requests))
    ended = int(counters.completed_requests + counters.dropped_requests)
    in_flight = int(counters.in_flight_requests) - waiting - served
    _require("in flight is routed and not ended", instance, len(here) - ended, in_flight)
    if waiting == 0:
        queue = (requests.instance == instance) & (requests.status == QUEUED)
        tokens = int((requests.text_tokens - requests.stored_tokens)[queue].sum())
        if len(state.swap.requests):
            tokens -= int(state.swap.requests.tokens[queue].sum())
        _require("waiting tokens are counted", instance, tokens, int(counters.queued_tokens))
    excess = max(0, int(counters.running_requests) - int(limits.max_running_requests[instance]))
    _require("a batch keeps to its largest size", instance, 0, excess)
    batch = state.batches.members[instance, :running]
    ranks = requests.batch_rank[batch]
    _require("a batch is in the order of taking", instance, 0, int((np.diff(ranks) <= 0).sum()))


def _check_encoder(workload: Workload, state: State, instance: int) -> tuple[int, int]:
    """Each request whose media are encoded for another instance waits or is served here, and is counted so."""
    if not len(state.encoding.instances):
        return 0, 0
    counters, encoded = state.encoding.instances[instance], state.encoding.requests
    here = (state.requests.status == ENCODING) & (encoded.encode_instance == instance)
    waiting = int((here & (encoded.started_us < 0)).sum())
    _require("requests that wait for an encoder are counted", instance, waiting, int(counters.waiting_requests))
    served = int(here.sum()) - waiting
    _require("requests that are encoded are counted", instance, served, int(counters.served_requests))
    if waiting > 0:
        tokens = int(workload.table.encoder_tokens[here & (encoded.started_us < 0)].sum())
        _require("waiting tokens of media are counted", instance, tokens, int(state.instances.queued_tokens[instance]))
    return waiting, served


def _check_adapters(workload: Workload, limits: Records, state: State, instance: int) -> None:
    """Whoever runs has its adapter in a slot, slots and the host's memory hold what they can, and counts are true."""
    holder, n_adapters = state.adapters.holders[instance], len(state.adapters.residents) // len(state.instances)
    own = state.adapters.residents[instance * n_adapters : (instance + 1) * n_adapters]
    asked = workload.table.adapter
    for status, counted in ((RUNNING, own.running_requests), (QUEUED, own.waiting_requests)):
        there = (state.requests.instance == instance) & (state.requests.status == status) & (asked >= 0)
        expected = np.bincount(asked[there], minlength=n_adapters)
        wrong = int((expected != counted).sum())
        _require(f"{STATUS_NAMES[status]} requests are counted by adapter", instance, 0, wrong)
    used = own.running_requests > 0
    _require("adapters in use are counted", instance, int(used.sum()), int(holder.used))
    _require("adapters that are waited for are counted", instance, int((own.waiting_requests > 0).sum()),
             int(holder.waited_for))  # fmt: skip
    _require("an adapter in use has a slot", instance, 0, int((own.lies[used] != ON_GPU).sum()))
    _require("adapters in slots are counted", instance, int((own.lies == ON_GPU).sum()), int(holder.on_gpu))
    _require("adapters in the host's memory are counted", instance, int((own.lies > 0).sum()), int(holder.on_host))
    _require("slots hold one adapter each", instance, 0, max(0, int(holder.on_gpu - limits.max_loras[instance])))
    _require("the host's memory holds what it can", instance, 0,
             max(0, int(holder.on_host - limits.max_cpu_loras[instance])))  # fmt: skip
