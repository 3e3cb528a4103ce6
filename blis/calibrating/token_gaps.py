"""Times between tokens (ITL), chunk by chunk: the distribution that clients saw, beside the simulated one.

A request's mean time per token says nothing of single waits: a decode that stood still while a long prompt was read
vanishes in it. Single waits of a busy server cannot be paired, so the distributions are compared.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from blis.calibrating.comparison import PERCENTS, PercentileError
from blis.calibrating.measured_run import MeasuredRun
from blis.calibrating.replay import Seen
from blis.foundation.units import US_PER_MS, Float64Vector, Int64Vector


@dataclass(frozen=True, slots=True, eq=False)
class TokenGaps:
    """Distinct times between tokens, ascending, of one run's answered requests, those of its warm-up included."""

    n_requests: int  #: with chunks
    left_out: Mapping[str, int]  #: answered requests that are not among these, by reason
    measured_us: Float64Vector
    measured_tokens: Int64Vector  #: how many tokens came after each
    simulated_us: Float64Vector
    simulated_tokens: Int64Vector


@dataclass(frozen=True, slots=True)
class GapFigures:
    """Two distributions of times between tokens beside each other; errors are shares of what was measured."""

    n_requests: int
    left_out: Mapping[str, int]
    n_measured: int  #: tokens
    n_simulated: int
    measured_mean: float  #: [µs]
    simulated_mean: float
    bias: float | None  #: of the means; None where the measured one is 0
    percentiles: dict[int, PercentileError]
    ks_distance: float

    def plain(self) -> dict[str, Any]:
        """The figures for JSON, times in milliseconds."""
        return {
            "requests": self.n_requests,
            "left_out": dict(self.left_out),
            "measured_tokens": self.n_measured,
            "simulated_tokens": self.n_simulated,
            "measured_mean_ms": self.measured_mean / US_PER_MS,
            "simulated_mean_ms": self.simulated_mean / US_PER_MS,
            "bias": self.bias,
            "ks_distance": self.ks_distance,
            "percentiles": {
                f"p{percent}": {
                    "measured_ms": one.measured / US_PER_MS,
                    "simulated_ms": one.simulated / US_PER_MS,
                    "error": one.error,
                }
                for percent, one in self.percentiles.items()
            },
        }


def token_gaps(run: MeasuredRun, seen: Seen) -> TokenGaps | None:
    """The times between tokens of a run and of its replay; None of a run whose chunks were not recorded.

    A chunk of k tokens that comes g after the one before counts as k tokens that are g / k apart, as `blis.observe`
    counts. What came with the first chunk came at once. A chunk without tokens is none.
    """
    if run.chunks is None:
        return None
    answered = run.is_ok & seen.is_completed & (run.output_tokens > 1)
    with_tokens = run.chunks.tokens > 0
    row = np.repeat(np.arange(len(run)), np.diff(run.chunks.offsets))[with_tokens]
    times_us, tokens = run.chunks.times_us[with_tokens], run.chunks.tokens[with_tokens]
    follows = (row[1:] == row[:-1]) & answered[row[1:]]
    gaps_us = np.diff(times_us)[follows] / tokens[1:][follows]
    has_chunks = np.zeros(len(run), np.bool_)
    has_chunks[row] = True
    n_without = int((answered & ~has_chunks).sum())
    measured_us, measured_tokens = _counted(gaps_us, tokens[1:][follows])
    return TokenGaps(
        n_requests=int((answered & has_chunks).sum()),
        left_out={"without chunks": n_without} if n_without else {},
        measured_us=measured_us,
        measured_tokens=measured_tokens,
        simulated_us=seen.interval_us.astype(np.float64),
        simulated_tokens=seen.interval_tokens,
    )


def gap_figures(found: Sequence[TokenGaps]) -> GapFigures | None:
    """The figures of one run, or of several together; None where either side has no time between tokens."""
    measured_us, measured_n = _joined([(one.measured_us, one.measured_tokens) for one in found])
    simulated_us, simulated_n = _joined([(one.simulated_us, one.simulated_tokens) for one in found])
    if not len(measured_us) or not len(simulated_us):
        return None
    left_out: dict[str, int] = {}
    for one in found:
        for reason, n in one.left_out.items():
            left_out[reason] = left_out.get(reason, 0) + n
    real, guess = (
        float(np.average(us, weights=n)) for us, n in ((measured_us, measured_n), (simulated_us, simulated_n))
    )
    pairs = zip(_percentiles(measured_us, measured_n), _percentiles(simulated_us, simulated_n), strict=True)
    return GapFigures(
        n_requests=sum(one.n_requests for one in found),
        left_out=left_out,
        n_measured=int(measured_n.sum()),
        n_simulated=int(simulated_n.sum()),
        measured_mean=real,
        simulated_mean=guess,
        bias=(guess - real) / real if real > 0 else None,
        percentiles={
            percent: PercentileError(a, b, (b - a) / a if a > 0 else None)
            for percent, (a, b) in zip(PERCENTS, pairs, strict=True)
        },
        ks_distance=_ks_distance(measured_us, measured_n, simulated_us, simulated_n),
    )


def _counted(values: Float64Vector, counts: Int64Vector) -> tuple[Float64Vector, Int64Vector]:
    """Distinct values, ascending, with their counts."""
    distinct, place = np.unique(values, return_inverse=True)
    return distinct, np.bincount(place, counts, len(distinct)).astype(np.int64)


def _joined(parts: Sequence[tuple[Float64Vector, Int64Vector]]) -> tuple[Float64Vector, Int64Vector]:
    if not parts:
        return np.zeros(0), np.zeros(0, np.int64)
    return _counted(np.concatenate([us for us, _ in parts]), np.concatenate([n for _, n in parts]))


def _percentiles(values: Float64Vector, counts: Int64Vector) -> list[float]:
    """Percentiles as of the values written out one by one, linear between neighbours."""
    ends = counts.cumsum()
    ranks = np.array(PERCENTS) / 100 * (ends[-1] - 1)
    low, high = (values[ends.searchsorted(rank, side="right")] for rank in (np.floor(ranks), np.ceil(ranks)))
    found: list[float] = (low + (high - low) * (ranks % 1)).tolist()
    return found


def _ks_distance(
    first_us: Float64Vector, first_n: Int64Vector, second_us: Float64Vector, second_n: Int64Vector
) -> float:
    """Largest distance of the two distribution functions."""
    values = np.concatenate([first_us, second_us])
    shares = []
    for us, n in ((first_us, first_n), (second_us, second_n)):
        below = np.concatenate([[0], n.cumsum()])
        shares.append(below[us.searchsorted(values, side="right")] / below[-1])
    return float(np.abs(shares[0] - shares[1]).max())
