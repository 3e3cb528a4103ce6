"""What each measured request met on the server, as far as its client's clock tells."""

from typing import NamedTuple

import numpy as np

from blis.calibrating.measured_run import MeasuredRun
from blis.foundation.units import Float64Vector, Int64Vector


class Load(NamedTuple):
    """(n,) each, of the requests of a run; only answered ones load the server."""

    in_flight: Float64Vector  #: others that had been sent and not ended when it was sent
    unread_tokens: Float64Vector  #: prompt tokens of others that waited for their first token then
    batch: Float64Vector  #: requests that decoded, itself included, on average over its decode
    prompts_per_token: Float64Vector  #: prompt tokens that got their first token meanwhile, per token of its own


def load_of(run: MeasuredRun, instances: int) -> Load:
    """The load that each request met, per instance: nobody says which instance served whom.

    Parameters
    ----------
    run : MeasuredRun
    instances : int ≥ 1
        Over which requests are spread evenly.
    """
    known = run.is_ok & (run.first_us >= 0) & (run.last_us >= 0)
    sent, first, last = (times[known].astype(np.float64) for times in (run.sent_us, run.first_us, run.last_us))
    tokens = run.input_tokens[known]
    at = run.sent_us.astype(np.float64)
    in_flight = _count(sent, at, "left") - _count(last, at, "left")
    unread = _sum(sent, tokens, at, "left") - _sum(first, tokens, at, "left")
    start, end = run.first_us.astype(np.float64), np.maximum(run.last_us, run.first_us + 1).astype(np.float64)
    open_time = _area(first, start, end) - _area(last, start, end)
    read = _sum(first, tokens, end, "right") - _sum(first, tokens, start, "right")
    steps = np.maximum(run.output_tokens - 1, 1)
    share = 1.0 / instances
    return Load(
        in_flight=np.maximum(in_flight, 0.0) * share,
        unread_tokens=np.maximum(unread, 0.0) * share,
        batch=1.0 + np.maximum(open_time / (end - start) - 1.0, 0.0) * share,
        prompts_per_token=read * share / steps,
    )


def _count(times: Float64Vector, at: Float64Vector, side: str) -> Float64Vector:
    return np.searchsorted(np.sort(times), at, side=side).astype(np.float64)  # type: ignore[call-overload,no-any-return]


def _sum(times: Float64Vector, weights: Int64Vector, at: Float64Vector, side: str) -> Float64Vector:
    """Sum of the weights of all times before `at`."""
    order = np.argsort(times, kind="stable")
    sums = np.concatenate([[0.0], np.cumsum(weights[order])])
    found: Float64Vector = sums[np.searchsorted(times[order], at, side=side)]  # type: ignore[call-overload]
    return found


def _area(times: Float64Vector, start: Float64Vector, end: Float64Vector) -> Float64Vector:
    """Integral, from start to end, of how many times have passed."""
    ordered = np.sort(times)
    sums = np.concatenate([[0.0], np.cumsum(ordered)])

    def until(at: Float64Vector) -> Float64Vector:
        passed = np.searchsorted(ordered, at, side="right")
        area: Float64Vector = passed * at - sums[passed]
        return area

    return until(end) - until(start)
