"""What a server, and its simulation, got done in a second."""

from dataclasses import dataclass

import numpy as np

from blis.calibrating.measured_run import UNKNOWN, MeasuredRun
from blis.calibrating.replay import Seen
from blis.foundation.units import US_PER_S, BoolVector


@dataclass(frozen=True, slots=True)
class Throughput:
    """Over the time from the first sending to the last output of the requests that are compared; None: of none."""

    measured_s: float | None
    simulated_s: float | None
    measured_requests_per_s: float | None
    simulated_requests_per_s: float | None
    measured_output_tokens_per_s: float | None
    simulated_output_tokens_per_s: float | None
    error: float | None  #: of the tokens per second, as a share of the measured ones; that of the requests is the same


def throughput(run: MeasuredRun, seen: Seen, counted: BoolVector) -> Throughput:
    """What the compared requests got, measured and simulated."""
    known = counted & (run.last_us != UNKNOWN) & ~np.isnan(seen.e2e_us)
    if not known.any():
        return Throughput(None, None, None, None, None, None, None)
    start_us = int(run.sent_us[known].min())
    measured_s = (int(run.last_us[known].max()) - start_us) / US_PER_S
    simulated_s = (float((run.sent_us + seen.e2e_us)[known].max()) - start_us) / US_PER_S
    n, tokens = int(known.sum()), int(run.output_tokens[known].sum())
    if measured_s <= 0 or simulated_s <= 0:
        return Throughput(measured_s, simulated_s, None, None, None, None, None)
    return Throughput(
        measured_s=measured_s,
        simulated_s=simulated_s,
        measured_requests_per_s=n / measured_s,
        simulated_requests_per_s=n / simulated_s,
        measured_output_tokens_per_s=tokens / measured_s,
        simulated_output_tokens_per_s=tokens / simulated_s,
        error=measured_s / simulated_s - 1,
    )
