"""Nothing happens before its cause: arrival, queueing, step, first token, last token, and whatever waits for that."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from blis.engine.codes import COMPLETED, DROPPED, GATEWAY_QUEUED, REJECTED, UNROUTABLE
from blis.engine.feedback import REFUSED_PAUSE_US
from experiments.fuzz.subject import Subject


def check(subject: Subject) -> Iterator[str]:
    """Compare the times of every request of the plain run."""
    done, given, cluster = subject.outcome.requests, subject.requests, subject.cluster
    routed = done.instance >= 0
    at = np.maximum(done.instance, 0)
    if subject.outcome.transfers is not None:  # who is divided is taken first where its prompt is computed
        prefill = subject.outcome.transfers.prefill_instance
        at = np.where(prefill >= 0, prefill, at)
    fixed = np.array([one.latency.queueing_us for one in cluster.instances])[at]
    per_token = np.array([one.latency.queueing_us_per_token for one in cluster.instances])[at]
    queueing_us = np.trunc(fixed + per_token * given.input_tokens)
    least_us = cluster.admission_latency_us + cluster.routing_latency_us + queueing_us
    taken = done.scheduling_delay_us >= 0
    finished = done.status == COMPLETED
    first = (done.ttft_us >= 0) & (done.preemptions == 0)

    def early(name: str, wrong: np.ndarray) -> Iterator[str]:
        if wrong.any():
            yield f"request {int(wrong.argmax())} {name}"

    # Who is dropped where it was to be decoded was taken elsewhere.
    here = taken & (done.status != DROPPED)
    yield from early("was taken before it could be queued", here & (done.scheduling_delay_us < least_us))
    yield from early("was taken without being routed", taken & ~routed)
    yield from early("had its first token before its step", first & (done.ttft_us <= done.scheduling_delay_us))
    yield from early("was finished before its step", finished & (done.e2e_us <= done.scheduling_delay_us))
    yield from early("had its last token before its first", finished & (done.e2e_us < done.ttft_us))
    yield from early("is completed without a time, or has one without being completed", finished != (done.e2e_us >= 0))
    yield from early("has a first token without a step", (done.ttft_us >= 0) & ~taken)
    horizon_us = subject.scenario.horizon_us
    if horizon_us is not None:
        yield from early(
            "was taken after the horizon", taken & (done.arrival_us + done.scheduling_delay_us > horizon_us)
        )
    yield from early(
        "has a mean time between tokens of zero", finished & (given.output_tokens > 1) & ~(done.itl_mean_us > 0)
    )
    yield from _arrivals(subject, early)


def _arrivals(subject: Subject, early: object) -> Iterator[str]:
    """Arrivals are the workload's, or come their think time after the end that they wait for."""
    done, given, cluster = subject.outcome.requests, subject.requests, subject.cluster
    waits = given.after >= 0
    is_plain = cluster.gateway is None and cluster.fleet is None
    if not np.array_equal(done.arrival_us[~waits], given.arrival_us[~waits]):
        yield "a request that waits for none did not arrive at its time"
    before = np.maximum(given.after, 0)
    status = done.status[before]
    since_us = done.arrival_us - given.think_us
    completed = waits & (status == COMPLETED)
    late_us = (since_us - (done.arrival_us + done.e2e_us)[before])[completed]
    # Where time left out by the budget does not count, a request may end before its last step does.
    if (late_us < 0).any() or (late_us.any() and subject.prepared.semantics.waiting_counts):
        yield "a request did not arrive its think time after the end that it waited for"
    rejected = waits & (status == REJECTED)
    decided_us = done.arrival_us[before] + cluster.admission_latency_us + REFUSED_PAUSE_US
    early_us = (decided_us - since_us)[rejected]
    if (early_us > 0).any() or (early_us.any() and given.retries is None):  # who comes again is refused for good later
        yield "a request did not arrive its think time and a second after the refusal that it waited for"
    unroutable = waits & (status == UNROUTABLE) & is_plain
    if not np.array_equal(since_us[unroutable], (decided_us + cluster.routing_latency_us)[unroutable]):
        yield "a request did not arrive its think time and a second after nobody could get the one that it waited for"
    dropped = waits & (status == DROPPED)
    if (since_us[dropped] <= done.arrival_us[before][dropped]).any():
        yield "a request arrived before the drop that it waited for"
    open_end = waits & ((status < COMPLETED) | (status == GATEWAY_QUEUED))
    if (done.status[open_end] != 0).any():
        yield "a request started although what it waits for has not ended"
