"""What a case had to do with, so that the counts show what a run of the fuzzer has and has not met."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from blis.engine.codes import COMPLETED, DROPPED, N_ENCODED_APART, REJECTED, RUNNING, TIMED_OUT, UNROUTABLE
from experiments.fuzz.subject import Subject


def features(subject: Subject) -> list[str]:
    """Names of everything that the case had, each once."""
    return sorted({*_given(subject), *_happened(subject)})


def _given(subject: Subject) -> Iterator[str]:
    case, scenario, cluster = subject.case, subject.scenario, subject.cluster
    yield f"mode {case.mode}"
    yield f"semantics {scenario.semantics}"
    yield f"trace {case.trace}"
    yield f"latency {cluster.latency}"
    yield "requests one by one" if case.rows is not None else f"workload {scenario.workload.kind}"
    for question, policy in subject.policies.items():
        yield f"{question} {policy.name}"
        for scorer in policy.scorers:
            yield f"scorer {scorer}"
    if scenario.horizon_us is not None:
        yield "horizon"
    limits = [(one.kv_blocks, one.max_running_requests, one.step_token_budget) for one in cluster.instances]
    if len(set(limits)) > 1 or len({one.latency.coefficients.tobytes() for one in cluster.instances}) > 1:
        yield "instances that differ"
    if len(limits) == 1:
        yield "one instance"
    for name, value in zip(
        ("one KV block", "batches of one", "budget of one token"), zip(*limits, strict=True), strict=True
    ):
        if min(value) == 1:
            yield name
    if cluster.gateway is not None:
        yield "gateway"
        if cluster.gateway.evicts_running:
            yield "gateway that evicts"
    if cluster.fleet is not None:
        yield "autoscaling" if cluster.fleet.autoscaling else "instances that die"
    yield from _newer_parts(subject)
    if subject.start().settings.has_adapters:
        yield "adapters"
    if any(one.long_prefill_threshold_tokens for one in cluster.instances):
        yield "long prefill threshold"
    if any(one.max_model_len_tokens for one in cluster.instances):
        yield "longest request of the model"
    limits_of = subject.prepared.limits
    if limits_of.async_scheduling.any():
        yield "two steps under way"
    if limits_of.draft_tokens.any():
        yield "drafts"
    if not limits_of.reserve_full_isl.all():
        yield "taken by the first chunk"
    if limits_of.watermark_blocks.any():
        yield "watermark"
    if not limits_of.prefix_caching.all():
        yield "no prefix caching"
    for name in ("admission_latency_us", "routing_latency_us", "snapshot_refresh_us", "cache_signal_delay_us"):
        if getattr(cluster, name):
            yield name.removesuffix("_us").replace("_", " ")
    yield f"ties {'random' if subject.prepared.prepared_cluster.settings['draws_ties'] else 'to the lowest index'}"
    if cluster.router_index_blocks:
        yield "small router index"
    requests = subject.requests
    waits = requests.after >= 0
    if waits.any():
        yield "closed loop"
        if (requests.think_us[waits] == 0).any():
            yield "think time 0"
    if len(requests.keys):
        yield "shared prefixes"
    if (requests.round > 0).any() and case.rows is None:
        yield "sessions"
    if "tools" in str(case.scenario.get("workload")):
        yield "tool calls"
    if (requests.output_tokens == 0).any():
        yield "no output"


def _newer_parts(subject: Subject) -> Iterator[str]:
    cluster = subject.cluster
    if cluster.kv_tiers is not None:
        yield "KV tiers"
    if cluster.swap is not None:
        yield "swapping"
    if cluster.disaggregation is not None:
        yield "prefill and decode apart"
    if cluster.encoder is not None:
        yield "encoders apart" if cluster.encodes_apart else "encoders"
    if cluster.request_timeout_us is not None:
        yield f"clients that give up, with{'' if cluster.gateway else 'out'} a gateway"
    if subject.requests.retries is not None:
        yield "clients that come again"


def _happened(subject: Subject) -> Iterator[str]:
    if subject.stalled:
        yield "given up: no progress"
    done = subject.outcome
    requests, instances = done.requests, done.instances
    for name, status in (
        ("completions", COMPLETED),
        ("drops", DROPPED),
        ("rejections", REJECTED),
        ("nobody to go to", UNROUTABLE),
        ("timeouts", TIMED_OUT),
    ):
        if (requests.status == status).any():
            yield name
    if requests.preemptions.any():
        yield "preemptions"
    if (requests.preemptions > 1).any():
        yield "preempted twice"
    state = subject.finished.state
    if state.encoding.places[N_ENCODED_APART] > 0:
        yield "encoded apart"
    if state.swap.spaces.in_requests.any():
        yield "swapped in"
    if instances.cache_hits.any():
        yield "cache hits"
    if instances.allocation_failures.any():
        yield "no block for the last token"
    if (instances.peak_blocks == instances.total_blocks).any():
        yield "full memory"
    if (requests.status == RUNNING).any():
        yield "cut while running"
    if len(np.unique(requests.instance[requests.instance >= 0])) > 1:
        yield "several instances used"
    waits = subject.requests.after >= 0
    if (requests.status[subject.requests.after[waits]] == DROPPED).any():
        yield "closed loop after a drop"
    if (requests.status[subject.requests.after[waits]] == REJECTED).any():
        yield "closed loop after a rejection"
