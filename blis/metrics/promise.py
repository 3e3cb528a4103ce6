"""How late every arrival was, in units of what its class was promised: nobody is left out, whatever became of them."""

import numpy as np

from blis.foundation.units import BoolVector, Float64Vector, Int64Vector

#: As late as a request can be: who is refused, dropped or never finished is so many times later than promised.
LATEST = 100.0


def lateness(times_us: Float64Vector, bounds_us: Float64Vector, completed: BoolVector) -> Float64Vector:
    """Each request's worst time over its target: 1 if all are kept, `LATEST` at most and for who did not complete.

    Parameters
    ----------
    times_us : (n, 3) float64 [µs]
        TTFT, mean time between tokens, E2E; NaN or negative where there is none, and so nothing to miss.
    bounds_us : (n, 3) float64 [µs]
        Their targets; infinite where there is none.
    completed : (n,) bool
    """
    worst = np.fmax.reduce(times_us / bounds_us, axis=1, initial=1.0)
    late: Float64Vector = np.where(completed, np.minimum(worst, LATEST), LATEST)
    return late


def promised_time_used(
    e2e_us: Float64Vector, output_tokens: Int64Vector, bounds_us: Float64Vector, completed: BoolVector
) -> Float64Vector:
    """Each request's E2E latency over what its class's targets allow it; `LATEST` for who did not complete.

    Allowed is the target of E2E itself, or that of TTFT and one of the time between tokens for each token after the
    first, whichever is less. NaN where the targets do not bound it.
    """
    by_token_us = bounds_us[:, 0].copy()
    several = output_tokens > 1  # one token waits for no other, were that never so long
    by_token_us[several] += bounds_us[several, 1] * (output_tokens[several] - 1)
    allowed_us = np.fmin(bounds_us[:, 2], by_token_us)
    used = np.where(completed, np.clip(e2e_us / allowed_us, 1.0 / LATEST, LATEST), LATEST)
    return np.where(np.isinf(allowed_us), np.nan, used)


def geometric_mean(values: Float64Vector) -> float | None:
    """The mean by which a doubling here and a halving there are no change; None of none."""
    return float(np.exp(np.log(values).mean())) if len(values) else None
