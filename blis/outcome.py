"""What a simulation has done, as plain arrays: one row per request, one per instance, and the inter-token times."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from blis.engine.codes import (
    EMBEDDING_DEPTH_PEAK,
    EMBEDDING_DEPTH_SUM,
    GATE_PEAK,
    N_ADMITTED,
    N_DIVIDED,
    N_ENCODED_APART,
    N_EVICTIONS,
    N_REJECTED,
    N_RETURNED,
    N_ROUTED,
    N_SENT_TO_ENCODERS,
    N_TRANSFERS,
    N_TURNED_AWAY,
    NO_TRACE,
    TRANSFER_DEPTH_PEAK,
    TRANSFER_DEPTH_SUM,
    TRANSFER_RETURNS,
)
from blis.engine.columns import request_columns
from blis.engine.fleet_log import LIFECYCLE_TIMES, fleet_log, lifecycle_times
from blis.engine.intervals import count_intervals
from blis.engine.laws import check_conservation
from blis.engine.observation import PREEMPTIONS, SAMPLES
from blis.engine.records import Records
from blis.engine.state import TraceLog
from blis.foundation.units import BoolVector, Float64Vector, Int64Vector
from blis.simulate import Simulation


@dataclass(frozen=True, slots=True)
class RequestOutcome:
    """One entry per request, in the order of arrival; -1 (NaN for floats) where it never came to that."""

    status: Int64Vector  #: index into blis.engine.codes.STATUS_NAMES
    #: that of the workload, or the think time after the end of the request that it waited for, once that has ended
    arrival_us: Int64Vector
    instance: Int64Vector  #: where it was routed
    #: arrival to the first token; where preemption loses all, that of an earlier life if there is no newer one
    ttft_us: Int64Vector
    e2e_us: Int64Vector  #: arrival to the last token; completed requests only
    scheduling_delay_us: Int64Vector  #: arrival to being taken from the queue: first, or last if preemption loses all
    itl_mean_us: Float64Vector  #: mean time between its tokens; completed requests with two tokens or more
    preemptions: Int64Vector
    cached_blocks: Int64Vector  #: prefix blocks found when it was last taken, those of what it had written included
    computed_tokens: Int64Vector  #: tokens computed before it decoded, those computed again after a preemption included
    accepted_tokens: Int64Vector  #: drafts that became output
    routing_score: Float64Vector  #: of the chosen instance; needs record_routing
    routing_regret: Float64Vector  #: best score minus that; needs record_routing


@dataclass(frozen=True, slots=True)
class InstanceOutcome:
    """One entry per instance."""

    end_us: Int64Vector  #: time of its last event
    steps: Int64Vector
    busy_us: Int64Vector  #: sum of its step lengths
    completed_requests: Int64Vector
    dropped_requests: Int64Vector
    queued_requests: Int64Vector  #: at the end
    running_requests: Int64Vector  #: at the end
    routed_requests: Int64Vector
    preemptions: Int64Vector
    allocation_failures: Int64Vector  #: completions whose final token found no free block
    cache_hits: Int64Vector  #: blocks
    cache_misses: Int64Vector  #: blocks
    evicted_blocks: Int64Vector  #: that others could have found
    total_blocks: Int64Vector
    peak_blocks: Int64Vector
    block_time: Int64Vector  #: [block·µs] used blocks integrated over its steps
    input_tokens: Int64Vector  #: prompts that entered the queue
    queue_sum: Int64Vector  #: queue lengths summed over steps
    batch_sum: Int64Vector  #: batch sizes summed over steps
    peak_queue: Int64Vector
    idle_preemptions: Int64Vector  #: since its last completion
    drafted_decodes: Int64Vector  #: decodes that had drafts
    draft_tokens: Int64Vector  #: that these verified
    accepted_tokens: Int64Vector  #: of those, also where they lie behind the end of an output
    handed_over_requests: Int64Vector  #: whose prompt it computed for another instance
    received_requests: Int64Vector  #: whose prompt another instance computed for it
    taken_away_requests: Int64Vector  #: sent there, and taken away when it drained or died
    loading_us: Int64Vector  #: time on its GPUs before it served
    warm_us: Int64Vector  #: time in which requests were sent there; all of it where instances neither come nor go
    draining_us: Int64Vector  #: time in which it served what it had, and got nothing more
    failed_us: Int64Vector  #: time for which it was dead

    @property
    def serving_us(self) -> Int64Vector:
        """Time in which it could serve."""
        return self.warm_us + self.draining_us

    @property
    def present_us(self) -> Int64Vector:
        """Time for which it had its GPUs: what is paid for."""
        return self.loading_us + self.warm_us + self.draining_us


@dataclass(frozen=True, slots=True)
class GatewayOutcome:
    """What the queue in front of the router did; one entry per request, -1 where it never came to that."""

    enqueued_us: Int64Vector  #: when it joined the queue, the last time
    dispatched_us: Int64Vector  #: when it was sent on
    ended_us: Int64Vector  #: when it was refused or let go for good
    wait_us: Int64Vector  #: from the one to the other
    peak_requests: int  #: that waited at a time
    evictions: int  #: of running requests, whether or not their clients came again


@dataclass(frozen=True, slots=True)
class AdapterOutcome:
    """What became of adapters: one entry per instance, then one per request."""

    loads: Int64Vector  #: into a slot
    disk_loads: Int64Vector  #: of those, from disk
    instance_load_us: Int64Vector  #: time for which steps waited for them
    overhead_us: Int64Vector  #: time by which adapters made steps longer beside
    most_on_gpu: Int64Vector  #: at a time
    asks: BoolVector  #: whether the request asks for one
    was_taken: BoolVector  #: into a batch
    load_us: Int64Vector  #: of the loads that its taking called for; -1: its adapter had a slot, or it was not taken
    slot_wait_us: Int64Vector  #: time for which it was passed over for lack of a slot
    was_shut_out: BoolVector  #: whether it ever was


@dataclass(frozen=True, slots=True)
class TierOutcome:
    """What the tiers beneath the GPUs did; one entry per tier and instance, tier by tier."""

    devices: Records  #: DEVICE_FIELDS; what all instances share is with the first of them, but for hits and loads
    channels: Records  #: CHANNEL_FIELDS; of each device that of reading and that of writing


@dataclass(frozen=True, slots=True)
class SwapOutcome:
    """What preempted requests kept in the host's memory; one entry per instance."""

    spaces: Records  #: SPACE_FIELDS
    channels: Records  #: CHANNEL_FIELDS; of each instance that of reading and that of writing


@dataclass(frozen=True, slots=True)
class TransferOutcome:
    """How requests were divided, and how their KV moved; one entry per request, -1 where it did not."""

    prefill_instance: Int64Vector  #: that computed its prompt, the last time
    decode_instance: Int64Vector  #: that its KV was sent to
    prefilled_us: Int64Vector  #: end of the step that completed its prompt
    started_us: Int64Vector  #: of its transfer
    arrives_us: Int64Vector  #: end of its transfer
    depth: Int64Vector  #: transfers under way at its start, itself included; 0: it had none
    sent_blocks: Int64Vector  #: prompt blocks that were not found where it decodes
    n_divided: int  #: decisions to divide a request; one that is routed again may be divided again
    n_transfers: int  #: that started
    n_returns: int  #: requests that were handed back because their transfer could not be
    depth_sum: int  #: of all that started
    depth_peak: int


@dataclass(frozen=True, slots=True)
class EncodingOutcome:
    """How media were encoded: one entry per request, -1 where nobody else encoded for it, then one per instance."""

    encode_instance: Int64Vector  #: that encoded for it, the last time
    sent_us: Int64Vector  #: when it was sent there
    started_us: Int64Vector  #: of the pass that encoded its media
    encoded_us: Int64Vector  #: end of that pass
    arrives_us: Int64Vector  #: when its embeddings were where its prompt was computed
    depth: Int64Vector  #: transfers under way at the start of its own, itself included; 0: it had none
    passes: Int64Vector  #: of the instance's encoder, with steps of the model or alone
    tokens: Int64Vector  #: of media that these gave
    encoding_us: Int64Vector  #: that these took
    n_sent: int  #: decisions to encode apart; one that is routed again may be sent again
    n_transfers: int  #: of embeddings, that started
    depth_sum: int  #: of all that started
    depth_peak: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """Everything that a finished, or interrupted, simulation has to tell."""

    requests: RequestOutcome
    instances: InstanceOutcome
    interval_us: Int64Vector  #: distinct times between two tokens of completed requests, ascending
    interval_tokens: Int64Vector  #: how many there are of each
    end_us: int  #: time of the last event of any instance
    n_admitted: int
    n_rejected: int
    n_rerouted: int  #: times that a request was taken away from an instance and routed again
    fleet_events: Records  #: what happened to the fleet, in the order of time; FLEET_EVENT_FIELDS
    n_turned_away: int  #: refusals by admission of requests that came again
    gateway: GatewayOutcome | None  #: None without a gateway
    adapters: AdapterOutcome | None  #: None where no instance holds adapters that a request asks for
    tiers: TierOutcome | None  #: None without KV tiers
    swap: SwapOutcome | None  #: None where preempted requests compute anew
    retries: Int64Vector | None  #: (n,) how often each request has come again; None where no client does
    transfers: TransferOutcome | None  #: None where prefill and decode are never divided
    encoding: EncodingOutcome | None  #: None where media are priced as text, or there are none
    trace: TraceLog | None  #: what was recorded, arrays cut to what there is; None without a trace


#: Column -> the field of an instance's record that it is.
_OF_INSTANCES = {
    name: {"end_us": "clock_us", "steps": "step_number", "busy_us": "step_clock_us"}.get(name, name)
    for name in InstanceOutcome.__dataclass_fields__
    if name not in ("routed_requests", "total_blocks", *LIFECYCLE_TIMES)
}


def outcome(simulation: Simulation) -> Outcome:
    """Collect what `simulation` has done so far; the simulation is left as it is.

    Raises
    ------
    LawBrokenError
        If requests were lost, made, or served twice.
    """
    check_conservation(simulation.state)
    state, workload, limits = simulation.state, simulation.workload, simulation.prepared.limits
    instances = state.instances.view(np.ndarray)
    columns: dict[str, Any] = request_columns(state.requests, workload.table, limits, simulation.requests.after)
    if simulation.settings.retry_attempts > 0:
        _count_from_first_arrival(columns, state.gateway.requests.view(np.ndarray))
    if len(state.drafts):
        accepted_tokens = state.drafts.accepted_tokens.copy()
    else:
        accepted_tokens = np.zeros(len(state.requests), np.int64)
    routed = columns["instance"][columns["instance"] >= 0]
    end_us = int(instances["clock_us"].max())
    values, counts = count_intervals(workload, simulation.settings, limits, state)
    return Outcome(
        requests=RequestOutcome(accepted_tokens=accepted_tokens, **columns),
        instances=InstanceOutcome(
            routed_requests=np.bincount(routed, minlength=len(instances)),
            total_blocks=limits.total_blocks.copy(),
            **lifecycle_times(instances, end_us),
            **{name: instances[field].copy() for name, field in _OF_INSTANCES.items()},
        ),
        interval_us=values,
        interval_tokens=counts,
        end_us=end_us,
        n_admitted=int(state.scratch.cluster[N_ADMITTED]),
        n_rejected=int(state.scratch.cluster[N_REJECTED]),
        n_rerouted=int(state.scratch.cluster[N_RETURNED]),
        fleet_events=fleet_log(state),
        n_turned_away=int(state.scratch.cluster[N_TURNED_AWAY]),
        gateway=_gateway(simulation),
        adapters=_adapters(simulation),
        tiers=_tiers(simulation),
        swap=_swap(simulation),
        retries=state.gateway.requests.attempts.copy() if simulation.settings.retry_attempts > 0 else None,
        transfers=_transfers(simulation),
        encoding=_encoding(simulation),
        trace=_recorded(simulation),
    )


def _count_from_first_arrival(columns: dict[str, Any], gated: np.ndarray) -> None:
    """Let the times of requests that came again run from when they first came."""
    first_us = np.where(gated["attempts"] > 0, gated["first_arrival_us"], columns["arrival_us"])
    later_us = columns["arrival_us"] - first_us
    columns["arrival_us"] = first_us
    for name in ("ttft_us", "e2e_us", "scheduling_delay_us"):
        columns[name] = np.where(columns[name] >= 0, columns[name] + later_us, columns[name])


def _gateway(simulation: Simulation) -> GatewayOutcome | None:
    if not simulation.settings.has_gateway:
        return None
    gateway = simulation.state.gateway
    gated = gateway.requests.view(np.ndarray)
    sent = gated["dispatched_us"] >= 0
    return GatewayOutcome(
        enqueued_us=gated["enqueued_us"].copy(),
        dispatched_us=gated["dispatched_us"].copy(),
        ended_us=gated["ended_us"].copy(),
        wait_us=np.where(sent, gated["dispatched_us"] - gated["enqueued_us"], -1),
        peak_requests=int(gateway.places[GATE_PEAK]),
        evictions=int(gateway.places[N_EVICTIONS]),
    )


def _adapters(simulation: Simulation) -> AdapterOutcome | None:
    if not simulation.settings.has_adapters:
        return None
    adapters = simulation.state.adapters
    holders, adapted = adapters.holders.view(np.ndarray), adapters.requests.view(np.ndarray)
    return AdapterOutcome(
        loads=holders["loads"].copy(),
        disk_loads=holders["disk_loads"].copy(),
        instance_load_us=holders["load_us"].copy(),
        overhead_us=holders["overhead_us"].copy(),
        most_on_gpu=holders["most_on_gpu"].copy(),
        asks=simulation.requests.adapter >= 0,
        was_taken=simulation.state.requests.scheduled_us >= 0,
        load_us=adapted["load_us"].copy(),
        slot_wait_us=adapted["slot_wait_us"].copy(),
        was_shut_out=adapted["is_shut_out"] > 0,
    )


def _tiers(simulation: Simulation) -> TierOutcome | None:
    if not simulation.settings.n_tiers:
        return None
    tiers = simulation.state.tiers
    return TierOutcome(tiers.devices.copy(), tiers.channels.copy())


def _swap(simulation: Simulation) -> SwapOutcome | None:
    if not simulation.settings.swaps:
        return None
    swap = simulation.state.swap
    return SwapOutcome(swap.spaces.copy(), swap.channels.copy())


def _transfers(simulation: Simulation) -> TransferOutcome | None:
    if not simulation.settings.has_transfers:
        return None
    legs = simulation.state.transfers.legs.view(np.ndarray)
    places = simulation.state.transfers.places
    moved = legs["started_us"] >= 0
    return TransferOutcome(
        prefill_instance=legs["prefill_instance"].copy(),
        decode_instance=np.where(moved, legs["decode_instance"], -1),
        prefilled_us=legs["prefilled_us"].copy(),
        started_us=legs["started_us"].copy(),
        arrives_us=legs["arrives_us"].copy(),
        depth=np.where(moved, legs["depth"], 0),
        sent_blocks=np.where(moved, legs["sent_blocks"], -1),
        n_divided=int(places[N_DIVIDED]),
        n_transfers=int(places[N_TRANSFERS]),
        n_returns=int(places[TRANSFER_RETURNS]),
        depth_sum=int(places[TRANSFER_DEPTH_SUM]),
        depth_peak=int(places[TRANSFER_DEPTH_PEAK]),
    )


def _encoding(simulation: Simulation) -> EncodingOutcome | None:
    if not simulation.settings.has_encoder:
        return None
    encoding = simulation.state.encoding
    of_requests, places = encoding.requests.view(np.ndarray), encoding.places
    of_instances = encoding.instances.view(np.ndarray)
    names = ("encode_instance", "sent_us", "started_us", "encoded_us", "arrives_us", "depth")
    return EncodingOutcome(
        **{name: of_requests[name].copy() for name in names},
        **{name: of_instances[name].copy() for name in ("passes", "tokens", "encoding_us")},
        n_sent=int(places[N_SENT_TO_ENCODERS]),
        n_transfers=int(places[N_ENCODED_APART]),
        depth_sum=int(places[EMBEDDING_DEPTH_SUM]),
        depth_peak=int(places[EMBEDDING_DEPTH_PEAK]),
    )


def _recorded(simulation: Simulation) -> TraceLog | None:
    if simulation.settings.trace_level == NO_TRACE:
        return None
    trace, cluster = simulation.state.trace, simulation.state.scratch.cluster
    n_routed = int(cluster[N_ROUTED])
    n_decided = int(cluster[N_ADMITTED] + cluster[N_REJECTED] + cluster[N_TURNED_AWAY])
    return TraceLog(
        counters=trace.counters.copy(),
        admissions=trace.admissions[:n_decided].copy(),
        routings=trace.routings[:n_routed].copy(),
        scores=trace.scores[:n_routed].copy(),
        scorer_scores=trace.scorer_scores[:n_routed].copy(),
        expected_ttft_us=trace.expected_ttft_us[:n_routed].copy(),
        preemptions=trace.preemptions[: trace.counters[PREEMPTIONS]].copy(),
        samples=trace.samples[: trace.counters[SAMPLES]].copy(),
        claim_roots=trace.claim_roots[:, :0].copy(),  # who waited means nothing after the run
        claims=trace.claims[:0].copy(),
    )
