"""Figures of a calibration as words."""

from blis.calibrating.calibration import Judged
from blis.calibrating.resampling import Interval
from blis.calibrating.token_gaps import GapFigures
from blis.foundation.units import US_PER_MS

NOTHING = "-"
HEAD = ("measured [ms]", "simulated", "bias", "MAPE", "p50", "p90", "p95", "p99", "Pearson", "KS", "band")


def cells(one: Judged) -> list[str]:
    """A metric's figures under `HEAD`."""
    found = one.comparison
    if found is None:
        return [*[NOTHING] * (len(HEAD) - 1), one.band]
    ends = one.intervals
    return [
        milliseconds(found.measured_mean),
        milliseconds(found.simulated_mean),
        signed(found.bias, ends.bias),
        share(found.mape, ends.mape),
        *(signed(part.error) for part in found.percentiles.values()),
        NOTHING if found.pearson is None else f"{found.pearson:.3f}",
        f"{found.ks_distance:.3f}",
        one.band,
    ]


def gap_cells(found: GapFigures) -> list[str]:
    """The figures of times between tokens under `HEAD`: of distributions, which have no pairs."""
    return [
        milliseconds(found.measured_mean),
        milliseconds(found.simulated_mean),
        signed(found.bias),
        NOTHING,
        *(signed(part.error) for part in found.percentiles.values()),
        NOTHING,
        f"{found.ks_distance:.3f}",
        NOTHING,
    ]


def milliseconds(time_us: float) -> str:
    """A time in milliseconds."""
    value = time_us / US_PER_MS
    return f"{value:,.0f}" if value >= 1000 else f"{value:,.1f}" if value >= 10 else f"{value:.3g}"


def share(value: float | None, ends: Interval | None = None) -> str:
    """A share in hundredths, with half the width of its interval."""
    return NOTHING if value is None else f"{100 * value:.3g}{_half(ends)} %"


def signed(value: float | None, ends: Interval | None = None) -> str:
    """A share in hundredths, with its sign and half the width of its interval."""
    return NOTHING if value is None else f"{100 * value:+.3g}{_half(ends)} %"


def counts(of: dict[str, int]) -> str:
    """Reasons with their numbers."""
    return ", ".join(f"{n:,} {reason}" for reason, n in of.items())


def _half(ends: Interval | None) -> str:
    return "" if ends is None else f" ±{50 * (ends[1] - ends[0]):.2g}"
