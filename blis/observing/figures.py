"""What an observation comes to: counts, latencies, throughput, errors by kind, lateness, lengths, cached share."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from blis.foundation.units import US_PER_S
from blis.metrics.percentiles import figures_ms, weighted_figures_ms
from blis.observing.observation import OK, UNSENT, Observation
from blis.workload.requests import Requests


def figures(requests: Requests, observations: Sequence[Observation]) -> dict[str, Any]:
    """The figures of all requests and of each class, ready for JSON.

    Latencies are those of requests that are ok, as the client sees them, from when a request was sent: to the first
    chunk with output (TTFT; only of streams), between tokens (ITL: a chunk of k tokens that comes g after the one
    before counts as k tokens g / k apart), and to the last chunk (E2E).
    """
    document = _block(observations)
    if len(requests.slo_classes) > 1:
        by_class: dict[int, list[Observation]] = {}
        for one, index in zip(observations, requests.slo_class.tolist(), strict=True):
            by_class.setdefault(index, []).append(one)
        blocks = [{"slo_class": requests.slo_classes[index], **_block(by_class[index])} for index in sorted(by_class)]
        document["classes"] = blocks
    else:
        document["classes"] = []
    return document


def _block(observations: Sequence[Observation]) -> dict[str, Any]:
    sent = [one for one in observations if one.kind != UNSENT]
    ok = [one for one in sent if one.status == OK]
    with_output = [one for one in ok if one.output_tokens > 0 and one.times_us]
    streamed = [one for one in with_output if one.streamed]
    gaps_us, counts = _gaps(streamed)
    span_s = (max(one.end_us for one in sent) - min(one.send_us for one in sent)) / US_PER_S if sent else 0.0
    kinds = Counter(one.kind for one in observations if one.kind)
    return {
        "requests": len(observations),
        "sent": len(sent),
        "ok": len(ok),
        "failed": len(sent) - len(ok),
        "unsent": len(observations) - len(sent),
        "errors": dict(sorted(kinds.items())),
        "retries": sum(one.retries for one in sent),
        "retried_requests": sum(one.retries > 0 for one in sent),
        "duration_s": span_s,
        "requests_per_s": _ratio(len(ok), span_s),
        "output_tokens_per_s": _ratio(sum(one.output_tokens for one in ok), span_s),
        "input_tokens_per_s": _ratio(sum(one.prompt_tokens or one.asked_prompt_tokens for one in ok), span_s),
        **figures_ms("ttft", _array(one.first_us - one.send_us for one in streamed)),
        **weighted_figures_ms("itl", gaps_us, counts),
        **figures_ms("e2e", _array(one.last_us - one.send_us for one in with_output)),
        **_lateness(sent),
        **_lengths(ok),
    }


def _lateness(sent: Sequence[Observation]) -> dict[str, float | None]:
    late_us = _array(one.send_us - one.arrival_us for one in sent)
    most = float(late_us.max()) / 1000 if len(late_us) else None
    return {**figures_ms("lateness", late_us), "lateness_max_ms": most}


def _lengths(ok: Sequence[Observation]) -> dict[str, Any]:
    """Lengths as they were asked for, and as the server counted them."""
    counted = [one for one in ok if one.prompt_tokens > 0]
    cached = [one for one in counted if one.cached_tokens is not None]
    off = np.array([one.prompt_tokens / one.asked_prompt_tokens - 1 for one in counted])
    as_asked = sum(one.output_tokens == max(one.asked_output_tokens, 1) for one in ok)
    return {
        "asked_input_tokens": sum(one.asked_prompt_tokens for one in counted),
        "measured_input_tokens": sum(one.prompt_tokens for one in counted),
        "measured_requests": len(counted),
        "input_length_error": float(np.abs(off).mean()) if len(off) else None,
        "input_length_bias": float(off.mean()) if len(off) else None,
        "asked_output_tokens": sum(max(one.asked_output_tokens, 1) for one in ok),
        "measured_output_tokens": sum(one.output_tokens for one in ok),
        "outputs_as_asked": _ratio(as_asked, len(ok)),
        "cached_tokens": sum(one.cached_tokens or 0 for one in cached) if cached else None,
        "cached_share": _ratio(sum(one.cached_tokens or 0 for one in cached), sum(one.prompt_tokens for one in cached)),
    }


def _gaps(streamed: Sequence[Observation]) -> tuple[Any, Any]:
    """Times between tokens in ascending order, each with how many tokens it is of."""
    gaps: list[np.ndarray] = []
    counts: list[np.ndarray] = []
    for one in streamed:
        tokens = np.array(one.tokens[1:], np.int64)
        gaps.append(np.diff(np.array(one.times_us, np.int64)) // np.maximum(tokens, 1))
        counts.append(tokens)
    if not gaps:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    all_gaps, all_counts = np.concatenate(gaps), np.concatenate(counts)
    order = np.argsort(all_gaps, kind="stable")
    return all_gaps[order], all_counts[order]


def _array(values: Any) -> Any:
    return np.fromiter(values, np.int64)


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole > 0 else None
