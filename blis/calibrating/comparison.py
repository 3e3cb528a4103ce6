"""How far simulated values are from measured ones: figures of pairs, and of the two distributions."""

from typing import NamedTuple

import numpy as np

from blis.foundation.units import Float64Vector

PERCENTS = (50, 90, 95, 99)
#: Fewer pairs have no correlation.
FEWEST_FOR_PEARSON = 3


class PercentileError(NamedTuple):
    """A percentile of both, and how far the simulated one is off as a share of the measured one."""

    measured: float
    simulated: float
    error: float | None  #: None where the measured one is 0


class Comparison(NamedTuple):
    """Figures of n pairs. Errors and biases are shares of what was measured; None: cannot be said."""

    n: int
    measured_mean: float
    simulated_mean: float
    mape: float | None  #: mean of ``|simulated - measured| / measured`` over measured values that are not 0
    n_zero: int  #: measured values that are 0, which have no such error
    bias: float | None  #: (sum of simulated - sum of measured) / sum of measured
    percentiles: dict[int, PercentileError]
    pearson: float | None  #: needs three pairs, and values that differ
    ks_distance: float  #: largest distance of the two distribution functions
    measured_variation: float | None  #: standard deviation of the measured values over their mean

    @property
    def direction(self) -> str:
        """Which way the simulator errs."""
        if self.bias is None:
            return ""
        return "over-predicts" if self.bias > 0 else "under-predicts" if self.bias < 0 else "neutral"


def compare(measured: Float64Vector, simulated: Float64Vector) -> Comparison | None:
    """The figures of pairs; None of none.

    Parameters
    ----------
    measured, simulated : (n,) float64
        Of the same requests in the same order, finite, measured ≥ 0.
    """
    n = len(measured)
    if n == 0:
        return None
    total = float(measured.sum())
    mean = total / n
    return Comparison(
        n=n,
        measured_mean=mean,
        simulated_mean=float(simulated.sum()) / n,
        mape=mean_error(measured, simulated),
        n_zero=int((measured == 0).sum()),
        bias=(float(simulated.sum()) - total) / total if total > 0 else None,
        percentiles=_percentiles(measured, simulated),
        pearson=pearson(measured, simulated),
        ks_distance=ks_distance(measured, simulated),
        measured_variation=float(measured.std()) / mean if mean > 0 else None,
    )


def mean_error(measured: Float64Vector, simulated: Float64Vector) -> float | None:
    """Mean of ``|simulated - measured| / measured``, where the measured value is not 0; None if it always is."""
    some = measured != 0
    if not some.any():
        return None
    return float(np.mean(np.abs(simulated[some] - measured[some]) / measured[some]))


def pearson(measured: Float64Vector, simulated: Float64Vector) -> float | None:
    """Correlation of the pairs, from centred sums: the one-pass formula cancels for large values that hardly differ."""
    if len(measured) < FEWEST_FOR_PEARSON:
        return None
    x, y = measured - measured.mean(), simulated - simulated.mean()
    size = float(np.sqrt((x @ x) * (y @ y)))
    rounding = np.finfo(np.float64).eps
    if (
        np.ptp(measured) <= 4 * rounding * np.abs(measured).max()
        or np.ptp(simulated) <= 4 * rounding * np.abs(simulated).max()
    ):
        return None  # equal values, but for rounding
    return float(x @ y) / size if size > 0 else None


def ks_distance(measured: Float64Vector, simulated: Float64Vector) -> float:
    """Largest distance of the two empirical distribution functions (Kolmogorov-Smirnov, two samples)."""
    first, second = np.sort(measured), np.sort(simulated)
    values = np.concatenate([first, second])
    below = np.searchsorted(first, values, "right") / len(first) - np.searchsorted(second, values, "right") / len(
        second
    )
    return float(np.abs(below).max())


def _percentiles(measured: Float64Vector, simulated: Float64Vector) -> dict[int, PercentileError]:
    real, guess = np.percentile(measured, PERCENTS), np.percentile(simulated, PERCENTS)
    return {
        percent: PercentileError(float(a), float(b), float((b - a) / a) if a > 0 else None)
        for percent, a, b in zip(PERCENTS, real, guess, strict=True)
    }
