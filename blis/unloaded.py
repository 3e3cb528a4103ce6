"""What a request takes when it has the cluster to itself: the measure of what its class can be promised.

A bound that was right for one model is generous for a faster one and hopeless for a slower one. So a target may be a
multiple: of TTFT, mean time between tokens and E2E latency of the class's median request (median prompt, median
output) alone on an idle instance whose cache is empty and which drafts nothing; where instances differ, on the slowest.
Multiples of an unloaded request are how serving systems state their objectives: ten times its TTFT and five times its
time between tokens in R. Qin et al., "Mooncake" (2024); "SLO scale" in Z. Li et al., "AlpaServe" (2023).
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import fields, is_dataclass, replace
from functools import lru_cache, partial
from typing import Any, NamedTuple

import numpy as np

from blis.cluster.deployment import build_cluster
from blis.cluster.instances import Cluster, Instance
from blis.cluster.plan import ClusterPlan
from blis.engine.answers import compiled_answer
from blis.engine.batch_sums import BatchSums
from blis.foundation.checks import check_keys, check_number
from blis.foundation.errors import ConfigError
from blis.foundation.semantics import CORRECTED, Semantics
from blis.foundation.slo import CLASSES
from blis.foundation.slo_targets import DEFAULT, SloTarget, SloTargets
from blis.foundation.units import US_PER_MS, Int32Vector, Int64Vector
from blis.foundation.words import shown
from blis.workload.plan import WorkloadPlan, generate_requests

#: Requests whose medians count, and the seed that draws them: a promise depends on neither seed nor load of a run.
SAMPLE_REQUESTS, SAMPLE_SEED, SAMPLE_RATE = 1_000, 0, 1.0
_CLASSES = (DEFAULT, *CLASSES[1:])
_MULTIPLES = {name.removesuffix("_ms") + "_multiple": name for name in SloTarget._fields}
#: Key of a bound -> the other key that gives it.
OTHER_KEY = {**_MULTIPLES, **{name: multiple for multiple, name in _MULTIPLES.items()}}


class Unloaded(NamedTuple):
    """Times of a request that meets nobody else, in the order of `SloTarget`."""

    ttft_us: float
    itl_us: float  #: mean; 0 where there are not two tokens
    e2e_us: float


class _Lengths(NamedTuple):
    """What is looked at of a workload's requests; arrays in the order of arrival."""

    slo_classes: tuple[str, ...]
    slo_class: Int32Vector
    input_tokens: Int64Vector
    output_tokens: Int64Vector


def unloaded(cluster: Cluster, prompt_tokens: int, output_tokens: int, semantics: Semantics = CORRECTED) -> Unloaded:
    """Times of a request alone on the slowest of the cluster's instances, nothing of its prompt cached.

    Parameters
    ----------
    cluster : Cluster
    prompt_tokens, output_tokens : int ≥ 1
    semantics : Semantics      says whether who is alone keeps to the threshold of long prompts
    """
    # instances of one pool are one object
    distinct = {id(one): one for one in cluster.instances if one.role != "encode"}.values()
    delay_us = cluster.admission_latency_us + cluster.routing_latency_us
    times = [_alone(one, cluster.latency, prompt_tokens, output_tokens, semantics) for one in distinct]
    return Unloaded(
        delay_us + max(one.ttft_us for one in times),
        max(one.itl_us for one in times),
        delay_us + max(one.e2e_us for one in times),
    )


def _alone(instance: Instance, kind: str, prompt_tokens: int, output_tokens: int, semantics: Semantics) -> Unloaded:
    step_time, latency = compiled_answer("latency", kind), instance.latency

    def step_us(sums: BatchSums) -> int:
        return max(1, int(step_time(sums, latency.coefficients)))

    most = instance.step_token_budget
    if instance.long_prefill_threshold_tokens > 0 and not semantics.threshold_needs_company:
        most = min(most, instance.long_prefill_threshold_tokens)
    starts = range(0, prompt_tokens, most)
    prompt_us = sum(step_us(_chunk(start, min(most, prompt_tokens - start), prompt_tokens)) for start in starts)
    decode_us = sum(step_us(_decode(prompt_tokens + token)) for token in range(output_tokens - 1))
    token_us = int(latency.output_token_us)
    ttft_us = int(latency.queueing_us + latency.queueing_us_per_token * prompt_tokens) + prompt_us + token_us
    between_us = decode_us + token_us * (output_tokens - 1)
    return Unloaded(
        ttft_us=ttft_us,
        itl_us=between_us / (output_tokens - 1) if output_tokens > 1 else 0.0,
        e2e_us=ttft_us + between_us + int(latency.completion_us),
    )


def _chunk(start: int, tokens: int, prompt_tokens: int) -> BatchSums:
    """A step that computes prompt tokens from `start` on."""
    attention_x2 = 2 * tokens * start + tokens * (tokens - 1)
    return BatchSums(1, tokens, start, attention_x2, 2 * tokens * prompt_tokens + tokens * tokens, 0, 0)


def _decode(stored_tokens: int) -> BatchSums:
    """A step that computes one further token."""
    return BatchSums(0, 0, 0, 0, 0, 1, stored_tokens)


def slo_targets(
    where: str, mapping: object, cluster: ClusterPlan, workload: WorkloadPlan, semantics: Semantics
) -> SloTargets:
    """The targets that a plain mapping describes, with multiples worked out for this cluster and workload.

    Parameters
    ----------
    where : str
        Path of the mapping, for messages.
    mapping : mapping
        As `SloTargets.from_mapping`; ttft_multiple, itl_multiple, e2e_multiple (> 0) may stand in the place of ttft_ms,
        itl_ms, e2e_ms. Multiples of `default` hold for each class that has no entry of its own, with its own medians.
    cluster, workload, semantics
        What the multiples are multiples of.

    Raises
    ------
    ConfigError
        If a class or a key is unknown, a value not finite and > 0, a bound is given twice, or the cluster cannot be
        built.
    """
    given = check_keys(where, mapping, _CLASSES)
    parts = {name: _split(f"{where}.{name}", entry) for name, entry in given.items() if entry is not None}
    targets = SloTargets.from_mapping(where, {name: bounds for name, (bounds, _) in parts.items()})
    multiples = {name: own for name, (_, own) in parts.items()}
    if not any(multiples.values()):
        return targets
    built = build_cluster(cluster, semantics=semantics)
    sample = _sample(workload, cluster.block_size_tokens)
    entries = dict(targets.entries)
    for name, rows in _rows_by_class(sample, multiples).items():
        own = multiples[name if name in multiples else DEFAULT]
        if own:
            entries[name] = _multiplied(
                targets.of(name), own, partial(unloaded, built, semantics=semantics), sample, rows
            )
    return SloTargets(entries)


def _split(where: str, entry: object) -> tuple[Any, dict[str, float]]:
    """A class's entry without its multiples, and these by the field of `SloTarget` that they bound."""
    if not isinstance(entry, Mapping):
        return entry, {}
    check_keys(where, entry, (*SloTarget._fields, *_MULTIPLES))
    multiples = {}
    for key, field in _MULTIPLES.items():
        if entry.get(key) is None:
            continue
        if entry.get(field) is not None:
            raise ConfigError(
                f"{where} must have {field} or {key}, not both; got {shown(entry[field])} and {shown(entry[key])}. "
                f"Set one of them to null."
            )
        multiples[field] = check_number(f"{where}.{key}", entry[key], above=0)
    return {key: value for key, value in entry.items() if key not in _MULTIPLES}, multiples


def _sample(workload: WorkloadPlan, block_size_tokens: int) -> _Lengths:
    """Lengths of requests of the workload, always the same ones; drawn once where no file could change meanwhile."""
    fixed = {"num_requests": SAMPLE_REQUESTS, "rate": SAMPLE_RATE}
    known = {key: value for key, value in fixed.items() if getattr(workload.params, key, None) is not None}
    sampled = replace(workload, params=replace(workload.params, **known))
    return (_lengths if _names_a_file(sampled.params) else _known_lengths)(sampled, block_size_tokens)


def _lengths(workload: WorkloadPlan, block_size_tokens: int) -> _Lengths:
    requests = generate_requests(workload, SAMPLE_SEED, block_size_tokens)
    return _Lengths(requests.slo_classes, requests.slo_class, requests.input_tokens, requests.output_tokens)


#: A search looks at each of its scenarios several times: when it is read, and for each of its seeds.
_known_lengths = lru_cache(maxsize=64)(_lengths)


def _names_a_file(value: object) -> bool:
    """Whether parameters hold a path, or what cannot be told from those of another time."""
    if is_dataclass(value):
        return value.__hash__ is None or any(_names_a_file(getattr(value, field.name)) for field in fields(value))
    if isinstance(value, tuple):
        return any(map(_names_a_file, value))
    return value is not None and not isinstance(value, str | int | float)


def _rows_by_class(sample: _Lengths, entries: Collection[str]) -> dict[str, Int64Vector]:
    """The rows whose medians count for each class that occurs or has an entry: its own, if there are any, else all.

    Rows of `default` are those of classes without a name that an entry could have.
    """
    names = [name if name in _CLASSES else DEFAULT for name in sample.slo_classes]
    class_of_row = np.array(names, object)[sample.slo_class]
    rows = {}
    for name in dict.fromkeys((*entries, *names)):
        if name in entries or DEFAULT in entries:
            own = np.flatnonzero(class_of_row == name)
            rows[name] = own if len(own) else np.arange(len(sample.slo_class))
    return rows


def _multiplied(
    target: SloTarget,
    multiples: Mapping[str, float],
    alone: Callable[[int, int], Unloaded],
    sample: _Lengths,
    rows: Int64Vector,
) -> SloTarget:
    """The target with its multiples as milliseconds."""
    prompt_tokens = _median(sample.input_tokens[rows])
    output_tokens = max(1, _median(sample.output_tokens[rows]))
    times = alone(prompt_tokens, output_tokens)
    bounds = dict(zip(SloTarget._fields, times, strict=True))
    return target._replace(
        **{field: multiple * bounds[field] / US_PER_MS for field, multiple in multiples.items() if bounds[field] > 0}
    )


def _median(lengths: Int64Vector) -> int:
    """The lower median: a length that occurs."""
    return int(np.sort(lengths)[(len(lengths) - 1) // 2])
