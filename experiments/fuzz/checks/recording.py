"""What is recorded never changes what happens, and what a trace says agrees with what the instances counted."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from blis.engine.codes import COMPLETED
from blis.outcome import Outcome, outcome
from experiments.fuzz.sameness import differences
from experiments.fuzz.subject import Subject


def check(subject: Subject) -> Iterator[str]:
    """Run with everything recorded and with nothing."""
    if subject.stalled:
        return
    plain = outcome(subject.start(trace="none", record_routing=False, record_steps=False).run())
    for line in differences(subject.outcome, plain, recordings=False):
        yield f"without recordings, {line}"
    whole = outcome(subject.start(trace="decisions").run())
    for line in differences(subject.outcome, whole, recordings=subject.case.trace == "decisions"):
        yield f"with a whole trace, {line}"
    yield from _trace(subject, whole)


def _trace(subject: Subject, done: Outcome) -> Iterator[str]:
    trace, requests, instances = done.trace, done.requests, done.instances
    assert trace is not None
    routings, admissions, samples = trace.routings, trace.admissions, trace.samples
    refusals = done.n_rejected + done.n_turned_away  # who is turned away comes again, and is refused or admitted then
    if int((admissions.verdict != 0).sum()) != refusals or len(admissions) != done.n_admitted + refusals:
        yield "the trace of admissions does not count what was admitted and rejected"
    comes_once = subject.requests.retries is None
    is_sent_once = comes_once and done.n_rerouted == 0 and (done.gateway is None or done.gateway.evictions == 0)
    is_routed_twice = is_sent_once and len(np.unique(routings.request)) != len(routings)
    is_admitted_twice = comes_once and len(np.unique(admissions.request)) != len(admissions)
    if is_admitted_twice or is_routed_twice:
        yield "a request was decided on twice"
    if (np.diff(admissions.clock_us) < 0).any() or (np.diff(routings.clock_us) < 0).any():
        yield "decisions are not in the order of time"
    moved = (requests.instance[routings.request] < 0) | (not is_sent_once)  # was taken away from where it went
    if subject.cluster.disaggregation is not None:  # who gets no further is where its prompt was to be computed
        moved |= not subject.cluster.disaggregation.decode_first
        moved |= requests.status[routings.request] != COMPLETED
    if not np.array_equal(requests.instance[routings.request][~moved], routings.instance[~moved]):
        yield "the trace sends a request elsewhere than where it went"
    preempted = np.bincount(trace.preemptions.instance, minlength=len(instances.steps))
    if not np.array_equal(preempted, instances.preemptions):
        yield f"the trace has {preempted.tolist()} preemptions; the instances count {instances.preemptions.tolist()}"
    for name, counted, weights in (
        ("steps", instances.steps, samples.steps),
        ("busy_us", instances.busy_us, samples.length_us),
        ("queue_sum", instances.queue_sum, samples.queued_requests * samples.steps.astype(np.int64)),
        ("batch_sum", instances.batch_sum, samples.running_requests * samples.steps.astype(np.int64)),
    ):
        summed = np.zeros(len(counted), np.int64)
        np.add.at(summed, samples.instance, weights)
        runs = np.array([one.role != "encode" for one in subject.cluster.instances])  # who only encodes has passes
        if not np.array_equal(summed[runs], counted[runs]):
            yield f"the samples' {name} come to {summed.tolist()}; the instances count {counted.tolist()}"
    if (samples.used_blocks > instances.total_blocks[samples.instance]).any() or (samples.used_blocks < 0).any():
        yield "a sample has more blocks in use than there are, or fewer than none"
    if len(routings) and (routings.least_load > routings.effective_load).any():
        yield "the least load is above the chosen instance's"
    said = trace.expected_ttft_us[~np.isnan(trace.expected_ttft_us)]  # nothing is said of who could not be chosen
    chosen = trace.expected_ttft_us[np.arange(len(trace.expected_ttft_us)), routings.instance]
    if not np.isfinite(said).all() or (said < 0).any() or np.isnan(chosen).any():
        yield "an expected TTFT is no time"
    if len(routings) and (routings.least_ttft_us > routings.expected_ttft_us).any():
        yield "the least expected TTFT is above the chosen instance's"
