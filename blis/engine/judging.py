"""Whether each request was served as its class was promised, and how late it was, in units of the promise."""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
from numba import types

from blis.engine._jit import compiled, entry_point
from blis.engine.codes import COMPLETED, NOT_STARTED
from blis.foundation.units import BoolVector, Float64Vector, Int32Vector, Int64Vector, contiguous

#: As late as a request can be: who is refused, dropped or never finished is so many times later than promised.
LATEST = 100.0


class Judgement(NamedTuple):
    """What is said of each request, by what its class was promised."""

    arrived: BoolVector  #: it had arrived by the end
    meets_slo: BoolVector  #: it completed with every time that it has within its bound
    lateness: (
        Float64Vector  #: worst time over its bound: 1 if all are kept, `LATEST` at most, and if it did not complete
    )
    promised_time_used: Float64Vector  #: E2E over what the bounds allow, likewise; NaN where they do not bound it


def judged(
    status: Int64Vector, arrival_us: Int64Vector, ttft_us: Int64Vector, itl_mean_us: Float64Vector,
    e2e_us: Int64Vector, output_tokens: Int64Vector, slo_class: Int32Vector, bounds_us: np.ndarray, end_us: int,
) -> Judgement:  # fmt: skip
    """Judge every request.

    A time that is negative or NaN is none, and so nothing to miss: without output there is no TTFT, with fewer than
    two tokens no time between them. `bounds_us` is (number of classes, 3), of TTFT, mean time between tokens, and E2E.
    What they allow a request is the last, or the first and one of the second for each further token, if that is less.
    """
    n = len(status)
    found = Judgement(np.empty(n, np.bool_), np.empty(n, np.bool_), np.empty(n), np.empty(n))
    columns = (
        contiguous(status),
        contiguous(arrival_us),
        contiguous(ttft_us),
        contiguous(itl_mean_us, np.float64),
        contiguous(e2e_us),
    )
    classes = contiguous(slo_class, np.int32)
    _compiled_judging()(*columns, contiguous(output_tokens), classes, contiguous(bounds_us, np.float64), end_us, *found)
    return found


def _judge(
    status: Int64Vector, arrival_us: Int64Vector, ttft_us: Int64Vector, itl_mean_us: Float64Vector,
    e2e_us: Int64Vector, output_tokens: Int64Vector, slo_class: Int32Vector, bounds_us: np.ndarray, end_us: int,
    arrived: BoolVector, meets_slo: BoolVector, lateness: Float64Vector, promised_time_used: Float64Vector,
) -> None:  # fmt: skip
    for request in range(status.shape[0]):
        of_class, completed = slo_class[request], status[request] == COMPLETED
        has_come = 0 <= arrival_us[request] <= end_us
        arrived[request] = status[request] != NOT_STARTED or has_come
        worst = max(1.0, ttft_us[request] / bounds_us[of_class, 0], e2e_us[request] / bounds_us[of_class, 2])
        between = itl_mean_us[request] / bounds_us[of_class, 1]
        if between > worst:  # false for NaN
            worst = between
        meets_slo[request] = (
            completed
            and ttft_us[request] <= bounds_us[of_class, 0]
            and not itl_mean_us[request] > bounds_us[of_class, 1]
            and e2e_us[request] <= bounds_us[of_class, 2]
        )
        lateness[request] = min(worst, LATEST) if completed else LATEST
        allowed_us = bounds_us[of_class, 0]
        if output_tokens[request] > 1:  # one token waits for no other, were that never so long
            allowed_us += bounds_us[of_class, 1] * (output_tokens[request] - 1)
        allowed_us = min(allowed_us, bounds_us[of_class, 2])
        used = min(max(e2e_us[request] / allowed_us, 1.0 / LATEST), LATEST) if completed else LATEST
        promised_time_used[request] = np.nan if np.isinf(allowed_us) else used


@cache
def _compiled_judging() -> Callable[..., None]:
    integers = types.Array(types.int64, 1, "C", readonly=True)
    labels, numbers = types.Array(types.int32, 1, "C", readonly=True), types.Array(types.float64, 1, "C", readonly=True)
    columns = (
        integers,
        integers,
        integers,
        numbers,
        integers,
        integers,
        labels,
        types.Array(types.float64, 2, "C", readonly=True),
    )
    filled = (types.bool_[::1], types.bool_[::1], types.float64[::1], types.float64[::1])
    return entry_point(compiled(types.void(*columns, types.int64, *filled), _judge))
