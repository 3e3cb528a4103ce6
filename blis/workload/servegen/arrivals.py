"""Arrivals within recorded windows: as many as recorded, with gaps of the recorded variation."""

import math

import numpy as np

from blis.foundation.units import Float64Vector, Int64Vector
from blis.workload.drawing.arrivals import weibull_shape
from blis.workload.prefixes.chained_keys import csr_offsets
from blis.workload.servegen.files import PROCESSES, Windows

#: Gamma shapes of n gaps are not below this / n: one gap is then nearly as long as all, and sums stay above 0.
LEAST_SHAPE_SUM = 0.05
LARGEST_SHAPE = 1e9  #: gaps that are equal for every purpose


def draw_counts(random: np.random.Generator, expected: Float64Vector) -> Int64Vector:
    """Whole numbers with the expected means: a fraction is rounded up as often as it is large."""
    counts: Int64Vector = np.floor(expected + random.random(len(expected))).astype(np.int64)
    return counts


def draw_arrivals(
    random: np.random.Generator, windows: Windows, counts: Int64Vector, mean_gap_s: Float64Vector, cv: Float64Vector
) -> Float64Vector:
    """Arrival times in all windows.

    A window's `count` requests have count - 1 gaps, drawn from the window's process and then scaled to the mean gap
    exactly: the recorded rate is the number of requests that the window held, so the window holds as many again. The
    first request comes after a uniform part of the time that the gaps leave.

    Parameters
    ----------
    random : numpy.random.Generator
    windows : Windows, k of them
    counts : (k,) int64 ≥ 0
    mean_gap_s : (k,) float64 > 0 [s], at most window / count
    cv : (k,) float64 ≥ 0, of the gaps; not used by poisson

    Returns
    -------
    (counts.sum(),) float64 [s]
        Increasing in each window; not rounded: bursts have gaps far below a microsecond.
    """
    offsets = csr_offsets(counts)
    weights = np.zeros(int(offsets[-1]))
    for code in range(len(PROCESSES)):
        of_process = np.repeat(windows.process == code, counts)
        own = windows.process == code
        if PROCESSES[code] == "poisson":
            weights[of_process] = random.standard_exponential(int(counts[own].sum()))
            continue
        draw = random.standard_gamma if PROCESSES[code] == "gamma" else random.weibull
        weights[of_process] = draw(np.repeat(_shapes(code, cv[own], counts[own] - 1), counts[own]))
    held = np.flatnonzero(counts)
    first = offsets[held]
    weights[first] = 0.0
    span_s = mean_gap_s[held] * (counts[held] - 1)
    totals = np.add.reduceat(weights, first) if len(first) else np.zeros(0)
    weights *= np.repeat(span_s / np.where(totals > 0, totals, 1.0), counts[held])
    weights[first] = random.random(len(held)) * (windows.window_s - span_s)
    passed = np.cumsum(weights)
    start_s = windows.start_s[held] - (passed[first] - weights[first])
    times: Float64Vector = np.repeat(start_s, counts[held]) + passed
    return times


def too_variable(windows: Windows, counts: Int64Vector, cv: Float64Vector) -> int:
    """Number of windows with too few requests for their CV: n gaps of one sum have a CV of at most sqrt(n - 1)."""
    has_cv = (windows.process > 0) & (counts > 2)
    return int((has_cv & (_bare_shape_sum(cv, counts - 1) < LEAST_SHAPE_SUM)).sum())


def _shapes(code: int, cv: Float64Vector, n_gaps: Int64Vector) -> Float64Vector:
    """Shape of each window's process.

    n gamma gaps of shape a, divided by their sum, have a Dirichlet distribution: the expected square of their CV is
    (n - 1) / (n a + 1). It is solved for a, so that the CV is right for few gaps too; for many, a is 1 / CV². Weibull
    gaps get the CV that gamma gaps of that shape would have before the division, which is right for many, and nearly
    so for few.
    """
    few = np.maximum(n_gaps, 1)
    shapes: Float64Vector = np.clip(_bare_shape_sum(cv, few), LEAST_SHAPE_SUM, LARGEST_SHAPE) / few
    if PROCESSES[code] == "weibull":
        return np.array([weibull_shape(shape**-0.5) for shape in shapes.tolist()])
    return shapes


def _bare_shape_sum(cv: Float64Vector, n_gaps: Int64Vector) -> Float64Vector:
    sums: Float64Vector = (n_gaps - 1) / np.maximum(cv, math.sqrt(1 / LARGEST_SHAPE)) ** 2 - 1
    return sums
