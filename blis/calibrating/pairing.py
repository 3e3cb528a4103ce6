"""Puts each measured request beside its simulated one, metric by metric, and counts why others have no partner."""

from collections import Counter
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from blis.calibrating.measured_run import UNKNOWN, MeasuredRun
from blis.calibrating.replay import Seen
from blis.foundation.units import US_PER_S, BoolVector, Float64Vector, Int64Vector


class Metric(NamedTuple):
    """One time of a request that both a server and the simulator have."""

    name: str
    words: str


TTFT = Metric("ttft", "time to first token")
TPOT = Metric("tpot", "mean time between a request's tokens")
E2E = Metric("e2e", "end to end")
METRICS = (TTFT, TPOT, E2E)


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Measured and simulated values of one metric, in the order of sending; m of them."""

    metric: Metric
    row: Int64Vector  #: (m,) measured request
    measured_us: Float64Vector  #: (m,)
    simulated_us: Float64Vector  #: (m,)
    left_out: dict[str, int]  #: requests that are no pair of this metric, by reason


@dataclass(frozen=True, slots=True, eq=False)
class Paired:
    """All pairs of one measured run."""

    counted: BoolVector  #: (n,) requests that are compared: answered, replayed, not of the warm-up
    excluded: dict[str, int]  #: the other requests, by reason
    pairs: tuple[Pairs, ...]


def warm_up_of(run: MeasuredRun, n_requests: int | None, seconds: float | None) -> BoolVector:
    """Which requests belong to the warm-up: the first ones sent, as told, else as many as the run itself says."""
    is_warm_up = np.zeros(len(run), np.bool_)
    if n_requests is None and seconds is None:
        n_requests = run.warm_up_requests
    is_warm_up[: n_requests or 0] = True
    if seconds:
        is_warm_up |= run.sent_us < run.sent_us[0] + seconds * US_PER_S
    return is_warm_up


def paired(run: MeasuredRun, seen: Seen, is_warm_up: BoolVector) -> Paired:
    """The pairs of each metric.

    A request that is not compared has one reason, the first that holds; so the reasons and the pairs of a metric add up
    to the requests of the run.
    """
    counted = np.ones(len(run), np.bool_)
    excluded: dict[str, int] = {}
    for reason, applies in (
        ("warm-up", is_warm_up),
        *((f"failed: {reason}", _fails_so(run, reason)) for reason in _reasons(run)),
        ("no prompt tokens", run.input_tokens == 0),
        ("not completed in the simulation", ~seen.is_completed),
    ):
        _leave_out(counted, excluded, reason, applies)
    return Paired(counted, excluded, tuple(_pairs(metric, run, seen, counted) for metric in METRICS))


def measured_times(run: MeasuredRun, metric: Metric) -> tuple[Float64Vector, dict[str, BoolVector]]:
    """What was measured [µs], and which requests have no such value, by reason.

    The time between tokens is that of the tokens behind the first chunk, which may hold several.
    """
    no_output = run.output_tokens == 0
    unknown = (run.first_us == UNKNOWN) | (run.last_us == UNKNOWN)
    if metric is E2E:
        return (run.last_us - run.sent_us).astype(np.float64), {"time unknown": run.last_us == UNKNOWN}
    at_once = {"no output": no_output, "time unknown": unknown, "not streamed": ~run.streaming}
    if metric is TTFT:
        return (run.first_us - run.sent_us).astype(np.float64), at_once
    later_tokens = run.output_tokens - tokens_of_first_chunk(run)
    with np.errstate(divide="ignore", invalid="ignore"):
        between_us = np.where(later_tokens > 0, (run.last_us - run.first_us) / later_tokens, np.nan)
    told = ~np.isnan(run.between_us)
    between_us = np.where(told, run.between_us, between_us)
    return between_us, {**at_once, "one token or one chunk": (later_tokens <= 0) | (run.output_tokens < 2)}


def tokens_of_first_chunk(run: MeasuredRun) -> Int64Vector:
    """(n,) tokens that came at once with the first one: 1 where that is not known."""
    first = np.ones(len(run), np.int64)
    if run.chunks is None:
        return first
    offsets, tokens = run.chunks.offsets, run.chunks.tokens
    for row in np.flatnonzero(np.diff(offsets)).tolist():
        own = slice(offsets[row], offsets[row + 1])
        held = tokens[own]
        with_tokens = np.flatnonzero(held)
        if len(with_tokens):
            first[row] = held[with_tokens[0]]
    return first


def simulated_times(run: MeasuredRun, seen: Seen, metric: Metric) -> Float64Vector:
    """What a client of the simulated cluster sees [µs]; NaN where there is nothing."""
    if metric is TTFT:
        return seen.ttft_us
    if metric is E2E:
        return seen.e2e_us
    with np.errstate(divide="ignore", invalid="ignore"):
        between_us: Float64Vector = (seen.e2e_us - seen.ttft_us) / (run.output_tokens - 1)
    return np.where(run.output_tokens > 1, between_us, np.nan)


def _pairs(metric: Metric, run: MeasuredRun, seen: Seen, counted: BoolVector) -> Pairs:
    measured_us, without = measured_times(run, metric)
    simulated_us = simulated_times(run, seen, metric)
    kept, left_out = counted.copy(), dict[str, int]()
    for reason, applies in {
        **without,
        "measured time is negative": ~np.isnan(measured_us) & (measured_us < 0),
        "no simulated time": np.isnan(simulated_us),
    }.items():
        _leave_out(kept, left_out, reason, applies)
    row = np.flatnonzero(kept)
    return Pairs(metric, row, measured_us[row], simulated_us[row], left_out)


def _leave_out(kept: BoolVector, counts: dict[str, int], reason: str, applies: BoolVector) -> None:
    """Take requests out, and count those that were still in."""
    n = int((kept & applies).sum())
    if n:
        counts[reason] = counts.get(reason, 0) + n
    kept &= ~applies


def _reasons(run: MeasuredRun) -> list[str]:
    """Why requests failed, the most frequent first."""
    counts = Counter(reason for reason, ok in zip(run.reason, run.is_ok.tolist(), strict=True) if not ok)
    return [reason for reason, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]


def _fails_so(run: MeasuredRun, reason: str) -> BoolVector:
    return np.array([one == reason for one in run.reason], np.bool_) & ~run.is_ok
