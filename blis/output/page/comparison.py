"""How much two runs differ, and within which bounds: percentile bootstrap over requests (Efron and Tibshirani, 1993,
chapter 13).

Where both runs met the same requests, each resample draws the same ones from both, so that what the requests have in
common cancels. Requests that queued together are not independent: bounds of a single pair of runs are too narrow as a
statement about other workloads, for which there are seeds.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from blis.foundation.randomness import stream
from blis.foundation.units import Float64Vector, Int64Vector
from blis.output.page.files import numbers
from blis.output.page.measures import MEASURES, samples

if TYPE_CHECKING:
    from blis.output.page.folder import RunFolder

PERCENT = 95
MOST_RESAMPLES, LEAST_RESAMPLES = 1000, 200
#: Draws over all resamples; larger runs have narrow bounds, which fewer resamples find.
DRAWS = 50_000_000


class Difference(NamedTuple):
    """A figure of a run minus the baseline's, with its bounds; None where there are none."""

    value: float | None
    low: float | None
    high: float | None

    @property
    def is_clear(self) -> bool:
        """Whether the bounds leave 0 out."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


@dataclass(frozen=True, slots=True)
class Comparison:
    """A run against the baseline."""

    is_paired: bool  #: both met the same requests
    n_resamples: int
    differences: dict[str, Difference]  #: by the key of the measure


def compare(baseline: "RunFolder", run: "RunFolder") -> Comparison:
    """What `run` has more of than `baseline`; the same bounds whenever it is asked."""
    is_paired = same_requests(baseline, run)
    mine, theirs = _Sample.of(run), _Sample.of(baseline)
    n_resamples = int(np.clip(DRAWS // max(mine.size, theirs.size, 1), LEAST_RESAMPLES, MOST_RESAMPLES))
    random = stream(0, "report", "bootstrap")
    resampled = np.empty((n_resamples, len(_STATISTICS)))
    for row in resampled:
        weights = theirs.weights(random)
        row[:] = mine.statistics(weights if is_paired else mine.weights(random)) - theirs.statistics(weights)
    tail = (100 - PERCENT) / 2
    low, high = np.percentile(resampled, [tail, 100 - tail], axis=0)  # NaN where a resample had nothing to count
    bounds = {one.key: (float(low[k]), float(high[k])) for k, one in enumerate(_STATISTICS)}
    differences = {}
    for measure in MEASURES:
        key = measure.key
        value = _minus(run.metrics[key], baseline.metrics[key])
        bound = bounds.get(key, (np.nan, np.nan))
        known = value is not None and not np.isnan(bound).any()
        differences[key] = Difference(value, *bound) if known else Difference(value, None, None)
    return Comparison(is_paired, n_resamples, differences)


def same_requests(one: "RunFolder", other: "RunFolder") -> bool:
    """Whether both runs met the same requests: numbers, times of arrival, and lengths."""
    columns = ("request", "arrival_us", "input_tokens", "output_tokens")
    return one.requests.num_rows == other.requests.num_rows and all(
        np.array_equal(numbers(one.requests, name), numbers(other.requests, name), equal_nan=True) for name in columns
    )


_STATISTICS = tuple(one for one in MEASURES if one.sample is not None)


class _Sample(NamedTuple):
    """What is resampled of a run."""

    size: int
    ordered: dict[str, tuple[Int64Vector, Float64Vector]]  #: requests that count, and their values, ascending

    @classmethod
    def of(cls, run: "RunFolder") -> "_Sample":
        ordered = {}
        for name, values in samples(run.requests).items():
            counted = np.flatnonzero(~np.isnan(values))
            places = counted[np.argsort(values[counted], kind="stable")]
            ordered[name] = (places, values[places])
        return cls(run.requests.num_rows, ordered)

    def weights(self, random: np.random.Generator) -> Float64Vector:
        """How often each request is drawn."""
        return np.bincount(random.integers(0, self.size, self.size), minlength=self.size).astype(np.float64)

    def statistics(self, weights: Float64Vector) -> Float64Vector:
        """`_STATISTICS` of the requests, each as often as its weight says; NaN where none counts."""
        found, cumulated = np.empty(len(_STATISTICS)), {}
        for place, measure in enumerate(_STATISTICS):
            assert measure.sample is not None
            places, values = self.ordered[measure.sample]
            if measure.sample not in cumulated:
                drawn = weights[places]
                cumulated[measure.sample] = (drawn, np.cumsum(drawn))
            found[place] = weighted_statistic(values, *cumulated[measure.sample], measure.percent)
        return found


def weighted_statistic(
    values: Float64Vector, weights: Float64Vector, cumulated: Float64Vector, percent: float | None
) -> float:
    """Mean (`percent` None) or percentile of ascending values, each as often as its weight; NaN if none is there.

    Percentiles interpolate linearly at rank percent / 100 · (n - 1), as those of the metrics do.
    """
    n = int(cumulated[-1]) if len(cumulated) else 0
    if n == 0:
        return float("nan")
    if percent is None:
        return float((weights * values).sum()) / n
    rank = percent / 100 * (n - 1)
    below = int(rank)
    first, second = values[np.searchsorted(cumulated, [below, min(below + 1, n - 1)], side="right")]
    return float(first + (rank - below) * (second - first))


def _minus(mine: float | None, theirs: float | None) -> float | None:
    return None if mine is None or theirs is None else mine - theirs
