"""How long does a step take?

Each file answers with two functions. `prepare(params, model, device, tensor_parallel) -> LatencyModel` runs
once, in Python, on validated records, and turns model shape and hardware into a coefficient vector and the
per-request overheads. `step_time(batch, coefficients) -> int64` [µs, ≥ 1: a zero-length step would stop the
clock] is compiled: `batch` is a `BatchSums`, `coefficients` the float64 vector; it costs O(1), so a step's
price never depends on the batch size. It never falls when a sum grows: closed loops rely on that.

A third function makes runs of decodes cheaper, and nothing else. `decode_line(decodes, context, coefficients) -> Line`,
compiled too, says what steps of so many decodes alone (≥ 1) cost as a straight line in `context`, the sum of the tokens
that they have stored, and between which contexts, the given one among them, that holds. A line is the price before
truncation, right to all but its last bits (`blis.engine.line.TOLERANCE`); where a whole microsecond lies within them
the engine asks `step_time`. A price that stays the same may be given as any within its microsecond: the middle is never
in doubt. Where a price bends, the line ends at the bend, or before it.

To add a latency model: one new file with `Params`, `prepare` and `step_time`; `decode_line` once it is worth it.
"""

from dataclasses import dataclass

from blis.cluster.steps.measured import Measured
from blis.foundation.units import Float64Vector


@dataclass(frozen=True, slots=True)
class LatencyModel:
    """What `prepare` returns: the step's coefficients and the overheads of a request."""

    coefficients: Float64Vector  #: meaning as `step_time` of the same file says
    #: arrival at the instance to its wait queue: trunc(queueing_us + queueing_us_per_token · L)
    queueing_us: float
    queueing_us_per_token: float
    output_token_us: float  #: added, truncated, to every output token; never delays the engine
    completion_us: float  #: added, truncated, once to the end-to-end time of a request with output
    measured: Measured | None = None  #: how far the table reaches that the prices rest on; None: they rest on none
