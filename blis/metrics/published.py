"""Aggregates of a run as the reference programs published them, defects of definition included.

They serve comparison with recordings; `Definitions` lists the points on which the two dates differ.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from blis.engine.codes import COMPLETED, MOVING_STATUSES, ONLINE_STATUSES, STATUS_NAMES
from blis.fitness import weighted
from blis.foundation.checks import check_choice, check_number
from blis.foundation.units import US_PER_MS, US_PER_S, Float64Vector, Int64Vector
from blis.metrics.published_anomalies import head_of_line_blocking, inversions
from blis.outcome import InstanceOutcome, Outcome
from blis.workload.requests import Requests

#: Components of the fitness, by the names that recordings use.
FITNESS_COMPONENTS = weighted.COMPONENTS


class Definitions(NamedTuple):
    """Points on which the definitions of the two dates differ."""

    counts_first_token: bool  #: a request of n tokens put out n; else n - 1, its decode steps
    inversions_within_class: bool  #: only requests of one SLO class are compared; else all of an instance
    counts_idle_instances: bool  #: an instance without a step has the mean queue 0; else it is left out


APRIL_2026 = Definitions(True, True, True)
FEBRUARY_2026 = Definitions(False, False, False)

#: By the semantics under which the run is reproduced.
DEFINITIONS = {"reference-2026-04": APRIL_2026, "reference-2026-02": FEBRUARY_2026}


class Sample(NamedTuple):
    """Whole numbers in ascending order, each distinct one with its frequency."""

    values: Int64Vector
    counts: Int64Vector

    @property
    def size(self) -> int:
        """How many numbers there are."""
        return int(self.counts.sum())

    @property
    def mean(self) -> float:
        """0 for none."""
        return int((self.values * self.counts).sum()) / self.size if self.size else 0.0


def sample_of(times: Int64Vector) -> Sample:
    """The numbers of an array, sorted and counted."""
    return Sample(*np.unique(times, return_counts=True))


def published(
    outcome: Outcome,
    requests: Requests,
    definitions: Definitions,
    *,
    priority: str,
    fitness_weights: Mapping[str, float] | None = None,
    regrets: Float64Vector | None = None,
) -> dict[str, Any]:
    """The document of aggregates: numbers in nested mappings, ready for JSON.

    Parameters
    ----------
    outcome : Outcome
        Of a run with `record_steps`.
    requests : Requests
        What was run.
    definitions : Definitions
        `APRIL_2026` or `FEBRUARY_2026`.
    priority : str
        Name of the priority policy: under "constant" no inversions are counted.
    fitness_weights : mapping of component to weight, optional
        Adds `fitness`.
    regrets : (n,) float64, optional
        Regret of each request's routing, NaN where it was not routed; adds `routing_trace`.

    Raises
    ------
    ConfigError
        If a fitness component is unknown or its weight not finite and ≥ 0.
    """
    rows, end_us = outcome.requests, outcome.end_us
    completed = rows.status == COMPLETED
    n_completed = int(completed.sum())
    tokens = requests.output_tokens[completed]
    n_tokens = int((tokens if definitions.counts_first_token else np.maximum(tokens - 1, 0)).sum())
    seconds = end_us / US_PER_S if end_us else math.inf
    ttft, e2e = sample_of(rows.ttft_us[rows.ttft_us >= 0]), sample_of(rows.e2e_us[completed])
    delays = sample_of(rows.scheduling_delay_us[rows.scheduling_delay_us >= 0])
    distributions = {"ttft": distribution(ttft), "e2e": distribution(e2e)}
    n_inversions = 0
    if priority != "constant":
        n_inversions = inversions(outcome, requests, definitions.inversions_within_class)
    document = {
        **_counts(outcome, n_completed),
        "total_output_tokens": n_tokens,
        "throughput_requests_per_s": n_completed / seconds,
        "throughput_tokens_per_s": n_tokens / seconds,
        "ttft_ms": in_ms(ttft),
        "e2e_ms": in_ms(e2e),
        "itl_ms": in_ms(Sample(outcome.interval_us, outcome.interval_tokens)),
        "scheduling_delay_p99_ms": percentile_ms(delays, 99),
        "distributions_us": distributions,
        "anomalies": {
            "priority_inversions": n_inversions,
            "hol_blocking": head_of_line_blocking(outcome.instances, definitions.counts_idle_instances),
        },
        "per_instance": _per_instance(outcome.instances),
    }
    if regrets is not None:
        document["routing_trace"] = routing_trace(outcome, regrets)
    if fitness_weights:
        document["fitness"] = fitness(fitness_weights, n_completed / seconds, n_tokens / seconds, distributions)
    return document


def percentile(sample: Sample, percent: float) -> float:
    """Linear interpolation between order statistics at rank percent / 100 · (n - 1); 0 for an empty sample."""
    low, high, share = _neighbours(sample, percent)
    return low + share * (high - low)


def percentile_ms(sample: Sample, percent: float) -> float:
    """The same of microseconds, in milliseconds, in the reference's order of operations."""
    low, high, share = _neighbours(sample, percent)
    return low / US_PER_MS + (high - low) * share / US_PER_MS


def in_ms(sample: Sample) -> dict[str, float]:
    """Mean and upper percentiles of microseconds, in milliseconds."""
    return {"mean": sample.mean / US_PER_MS} | {f"p{p}": percentile_ms(sample, p) for p in (90, 95, 99)}


def distribution(sample: Sample) -> dict[str, float]:
    """The shape of a sample in its own unit; all 0 if it is empty."""
    shape: dict[str, float] = {"mean": sample.mean}
    shape |= {f"p{p}": percentile(sample, p) for p in (50, 95, 99)}
    if not sample.size:
        return shape | {"min": 0, "max": 0, "count": 0}
    return shape | {"min": int(sample.values[0]), "max": int(sample.values[-1]), "count": sample.size}


def fitness(
    weights: Mapping[str, float],
    requests_per_s: float,
    tokens_per_s: float,
    distributions: Mapping[str, Mapping[str, float]],
) -> dict[str, Any]:
    """The score of `blis.fitness.weighted`, and the components.

    Without any completed request latencies are 0 and count as 1: the reference's own weakness.

    Parameters
    ----------
    weights : mapping of a name in `FITNESS_COMPONENTS` to a number ≥ 0
        They need not sum to 1.
    requests_per_s, tokens_per_s : float
    distributions : mapping of "ttft" and "e2e" to a `distribution` in microseconds

    Raises
    ------
    ConfigError
        If a component is unknown or its weight not finite and ≥ 0.
    """
    values = {"throughput": requests_per_s, "tokens_per_sec": tokens_per_s}
    for name in weights:
        check_choice("fitness_weights", name, FITNESS_COMPONENTS)
        check_number(f"fitness_weights.{name}", weights[name], 0)
        if name not in values:
            statistic, _, times = name.partition("_")
            values[name] = distributions[times][statistic] / US_PER_MS
    return weighted.weighted_sum(weights, values)


def routing_trace(outcome: Outcome, regrets: Float64Vector) -> dict[str, Any]:
    """Decisions of admission, and the regret over routed requests."""
    routed = regrets[~np.isnan(regrets)]
    targets = outcome.instances.routed_requests
    return {
        "decisions": outcome.n_admitted + outcome.n_rejected,
        "admitted": outcome.n_admitted,
        "rejected": outcome.n_rejected,
        "mean_regret": float(routed.sum()) / len(routed) if len(routed) else 0.0,
        "max_regret": float(routed.max(initial=0.0)),
        "unique_targets": int((targets > 0).sum()),
        "requests_per_instance": {str(index): int(targets[index]) for index in np.flatnonzero(targets)},
    }


def _counts(outcome: Outcome, n_completed: int) -> dict[str, Any]:
    """Requests by status, and what instances add up to."""
    instances = outcome.instances
    by_status = np.bincount(outcome.requests.status, minlength=len(STATUS_NAMES)).tolist()
    absent = (*MOVING_STATUSES, *ONLINE_STATUSES)
    preemptions = int(instances.preemptions.sum())
    rates = _hit_rates(instances)
    return {
        "injected": len(outcome.requests.status),
        **{STATUS_NAMES[status]: n for status, n in enumerate(by_status) if status not in absent},
        "timed_out": 0,
        "preemptions": preemptions,
        "preemption_rate": preemptions / n_completed if n_completed else 0.0,
        "cache_hit_rate": sum(rates) / len(rates),
        "cache_hits": int(instances.cache_hits.sum()),
        "cache_misses": int(instances.cache_misses.sum()),
        "end_us": outcome.end_us,
        "total_input_tokens": int(instances.input_tokens.sum()),
    }


_INSTANCE_FIELDS = {
    "completed": "completed_requests",
    "queued": "queued_requests",
    "running": "running_requests",
    "dropped": "dropped_requests",
    "preemptions": "preemptions",
    "cache_hits": "cache_hits",
    "cache_misses": "cache_misses",
    "peak_kv_blocks": "peak_blocks",
    "steps": "steps",
    "sum_wait_queue_over_steps": "queue_sum",
    "sum_running_over_steps": "batch_sum",
    "kv_allocation_failures": "allocation_failures",
    "end_us": "end_us",
}


def _per_instance(instances: InstanceOutcome) -> list[dict[str, Any]]:
    columns = {name: getattr(instances, field).tolist() for name, field in _INSTANCE_FIELDS.items()}
    return [
        {"instance": index, "cache_hit_rate": rate} | {name: column[index] for name, column in columns.items()}
        for index, rate in enumerate(_hit_rates(instances))
    ]


def _hit_rates(instances: InstanceOutcome) -> list[float]:
    """Hits per looked-up or taken block; 0 where there was none."""
    lookups = instances.cache_hits + instances.cache_misses
    rates: list[float] = (instances.cache_hits / np.maximum(lookups, 1)).tolist()
    return rates


def _neighbours(sample: Sample, percent: float) -> tuple[float, float, float]:
    """The order statistics below and above a percentile's rank, and how far the rank lies between them."""
    if not sample.size:
        return 0.0, 0.0, 0.0
    rank = percent / 100 * (sample.size - 1)
    low = math.floor(rank)
    places = np.searchsorted(np.cumsum(sample.counts), (low, math.ceil(rank)), side="right")
    below, above = sample.values[places].tolist()
    return float(below), float(above), rank - low
