"""What a comparison is good for, in one word.

Thresholds: mean absolute percentage error below 10, 20 and 35 % with a correlation above 0.95, 0.85 and 0.70, those of
the BLIS reference simulator's calibration report (April 2026), whose third band (`fair`) is called `directional` here:
good enough to say which of two policies is better, not by how much. Two rules differ. Where measured values hardly vary
(as the time between tokens on a server whose batch hardly changes), what varies is mostly noise that nobody could
predict, and the error alone decides: with noise of 10 % even a perfect prediction correlates to no more than
sqrt(1 - 0.1² / v²) with values that vary by v, which is 0.92 for 0.25 and 0.55 for 0.12. Fewer than three pairs are not
judged.
"""

from blis.calibrating.comparison import FEWEST_FOR_PEARSON, Comparison

EXCELLENT, GOOD, DIRECTIONAL, UNUSABLE, NOT_JUDGED = "excellent", "good", "directional", "unusable", "not judged"
BANDS = (EXCELLENT, GOOD, DIRECTIONAL, UNUSABLE, NOT_JUDGED)
#: Band, error below, correlation above.
THRESHOLDS = ((EXCELLENT, 0.10, 0.95), (GOOD, 0.20, 0.85), (DIRECTIONAL, 0.35, 0.70))
#: Measured values that vary less than this (standard deviation over mean) have nothing that could be correlated.
LEAST_VARIATION = 0.25


def band(comparison: Comparison | None) -> str:
    """The best band whose both conditions hold."""
    if comparison is None or comparison.n < FEWEST_FOR_PEARSON or comparison.mape is None:
        return NOT_JUDGED
    for name, error, correlation in THRESHOLDS:
        if comparison.mape < error and (is_steady(comparison) or (comparison.pearson or 0.0) > correlation):
            return name
    return UNUSABLE


def is_steady(comparison: Comparison) -> bool:
    """Whether the measured values vary too little for a correlation to mean anything."""
    return comparison.measured_variation is not None and comparison.measured_variation < LEAST_VARIATION
