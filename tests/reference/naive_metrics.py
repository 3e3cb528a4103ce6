"""This file sums up a finished run: the rows and aggregates of a recorded case."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

from tests.reference.naive_instance import Instance
from tests.reference.naive_request import Request
from tests.reference.naive_semantics import Semantics


def row_of(request: Request) -> dict[str, Any]:
    """One row of expected.csv; None where the file has an empty cell."""
    return {
        "request": request.row,
        "instance": request.instance,
        "ttft_us": request.ttft_us,
        "e2e_us": request.e2e_us,
        "scheduling_delay_us": request.scheduling_delay_us,
        "status": request.status,
        "preemptions": request.preemptions,
        "cached_blocks": request.cached_blocks,
        "regret": request.regret,
        "score": request.score,
    }


def aggregate(
    case: dict[str, Any],
    requests: list[Request],
    instances: list[Instance],
    n_decisions: int,
    semantics: Semantics,
) -> dict[str, Any]:
    """All fields of expected.json."""
    completed = [request for request in requests if request.status == "completed"]
    statuses = Counter(request.status for request in requests)
    ttfts = [request.ttft_us for request in requests if request.ttft_us is not None]
    e2es = [request.e2e_us for request in completed if request.e2e_us is not None]
    intervals = [interval for request in completed for interval in request.intervals_us]
    delays = [r.scheduling_delay_us for r in requests if r.scheduling_delay_us is not None]
    preemptions = sum(instance.preemptions for instance in instances)
    end_us = max(instance.end_us for instance in instances)
    output_tokens = sum(len(r.output) if semantics.count_first_token else max(len(r.output) - 1, 0) for r in completed)
    result: dict[str, Any] = {
        "injected": len(requests),
        **{name: statuses[name] for name in ("completed", "queued", "running", "rejected", "dropped", "unroutable")},
        "timed_out": 0,
        "not_started": statuses["not_started"],
        "preemptions": preemptions,
        "preemption_rate": preemptions / len(completed) if completed else 0,
        "cache_hit_rate": sum(hit_rate(instance) for instance in instances) / len(instances),
        "cache_hits": sum(instance.pool.hits for instance in instances),
        "cache_misses": sum(instance.pool.misses for instance in instances),
        "end_us": end_us,
        "total_input_tokens": sum(instance.input_tokens for instance in instances),
        "total_output_tokens": output_tokens,
        "throughput_requests_per_s": len(completed) / (end_us / 1e6) if end_us else 0,
        "throughput_tokens_per_s": output_tokens / (end_us / 1e6) if end_us else 0,
        "ttft_ms": in_ms(ttfts),
        "e2e_ms": in_ms(e2es),
        "itl_ms": in_ms(intervals),
        "scheduling_delay_p99_ms": percentile(delays, 99) / 1000,
        "distributions_us": {"ttft": distribution(ttfts), "e2e": distribution(e2es)},
        "anomalies": {
            "priority_inversions": inversions(case, instances, semantics),
            "hol_blocking": blocking(instances, semantics),
        },
        "per_instance": [instance_row(instance, requests) for instance in instances],
    }
    if case.get("routing_trace") is not None:
        result["routing_trace"] = routing_trace(requests, n_decisions)
    if case.get("fitness_weights"):
        result["fitness"] = fitness(case["fitness_weights"], result)
    return result


def instance_row(instance: Instance, requests: list[Request]) -> dict[str, Any]:
    """One entry of per_instance."""
    return {
        "instance": instance.index,
        "completed": len(instance.completed),
        "queued": instance.n_waiting,
        "running": len(instance.batch),
        "dropped": instance.dropped,
        "preemptions": instance.preemptions,
        "cache_hits": instance.pool.hits,
        "cache_misses": instance.pool.misses,
        "cache_hit_rate": hit_rate(instance),
        "peak_kv_blocks": instance.peak_blocks,
        "steps": instance.steps,
        "sum_wait_queue_over_steps": instance.sum_queue,
        "sum_running_over_steps": instance.sum_batch,
        "kv_allocation_failures": instance.allocation_failures,
        "end_us": instance.end_us,
        "drafts": [instance.drafts.decodes, instance.drafts.verified, instance.drafts.accepted],
    }


def hit_rate(instance: Instance) -> float:
    """Hits per lookup; 0 without lookups."""
    lookups = instance.pool.hits + instance.pool.misses
    return instance.pool.hits / lookups if lookups else 0


def percentile(values: list[int], p: float) -> float:
    """Linear interpolation at p/100*(n-1); 0 for no values."""
    if not values:
        return 0
    ordered = sorted(values)
    rank = p / 100 * (len(ordered) - 1)
    low, high = math.floor(rank), math.ceil(rank)
    return ordered[low] + (ordered[high] - ordered[low]) * (rank - low)


def mean(values: list[int]) -> float:
    """0 for no values."""
    return sum(values) / len(values) if values else 0


def in_ms(values: list[int]) -> dict[str, float]:
    """Mean and upper percentiles in milliseconds."""
    return {"mean": mean(values) / 1000} | {f"p{p}": percentile(values, p) / 1000 for p in (90, 95, 99)}


def distribution(values: list[int]) -> dict[str, float]:
    """The shape of a list of times, in microseconds."""
    return {
        "mean": mean(values),
        **{f"p{p}": percentile(values, p) for p in (50, 95, 99)},
        "min": min(values, default=0),
        "max": max(values, default=0),
        "count": len(values),
    }


def inversions(case: dict[str, Any], instances: list[Instance], semantics: Semantics) -> int:
    """Pairs of one instance (and class) where the earlier arrival has more than twice the e2e."""
    if case["priority_policy"] in ("constant", {"policy": "constant"}):
        return 0
    n_pairs = 0
    for instance in instances:
        ordered = sorted(instance.completed, key=lambda request: (request.arrival_us, request.row))
        for index, earlier in enumerate(ordered):
            for later in ordered[index + 1 :]:
                if semantics.inversions_per_class and earlier.slo_class != later.slo_class:
                    continue
                assert earlier.e2e_us is not None
                assert later.e2e_us is not None
                n_pairs += earlier.e2e_us > 2.0 * later.e2e_us
    return n_pairs


def blocking(instances: list[Instance], semantics: Semantics) -> int:
    """Instances whose mean queue over their steps exceeds twice the mean over instances."""
    seen = [one for one in instances if one.steps or semantics.idle_instances_in_blocking]
    if len(seen) < 2:
        return 0
    means = [one.sum_queue / one.steps if one.steps else 0.0 for one in seen]
    over_all = sum(means) / len(means)
    return sum(one > 2.0 * over_all for one in means) if over_all > 0 else 0


def routing_trace(requests: list[Request], n_decisions: int) -> dict[str, Any]:
    """Admission decisions, and the regret over routed requests."""
    regrets = [request.regret for request in requests if request.regret is not None]
    targets = Counter(request.instance for request in requests if request.instance is not None)
    n_rejected = sum(request.status == "rejected" for request in requests)
    return {
        "decisions": n_decisions,
        "admitted": n_decisions - n_rejected,
        "rejected": n_rejected,
        "mean_regret": sum(regrets) / len(regrets) if regrets else 0,
        "max_regret": max(regrets, default=0),
        "unique_targets": len(targets),
        "requests_per_instance": {str(index): targets[index] for index in sorted(targets)},
    }


def fitness(weights: dict[str, float], result: dict[str, Any]) -> dict[str, Any]:
    """Sum of weight times component, in the order of the sorted names."""
    components = {}
    for name in sorted(weights):
        if name == "throughput":
            value = result["throughput_requests_per_s"]
            components[name] = value / (value + 100)
        elif name == "tokens_per_sec":
            value = result["throughput_tokens_per_s"]
            components[name] = value / (value + 10_000)
        else:
            statistic, times = name.split("_")
            components[name] = 1 / (1 + result["distributions_us"][times][statistic] / 1000)
    score = 0.0
    for name, component in components.items():
        score += weights[name] * component
    return {"score": score, "components": components}
