"""How evenly work is spread over instances: the largest share over the mean share, 1 if all are equal."""

import numpy as np

from blis.foundation.units import BoolVector, Int64Vector
from blis.metrics.totals import total
from blis.outcome import InstanceOutcome


def balance_figures(instances: InstanceOutcome, counts: BoolVector | None = None) -> dict[str, float | None]:
    """Of requests routed, and of time spent in steps; n if one of n instances has everything, None if none has any.

    Instances that differ in speed are even in time when they are not in requests; those that never served do not count,
    nor do those that `counts` leaves out.
    """
    served = instances.serving_us > 0
    if counts is not None:
        served = np.logical_and(served, counts)
    return {
        "routed_max_over_mean": _max_over_mean(instances.routed_requests[served]),
        "busy_max_over_mean": _max_over_mean(instances.busy_us[served]),
    }


def _max_over_mean(amounts: Int64Vector) -> float | None:
    whole = total(amounts)
    return int(amounts.max()) * len(amounts) / whole if whole else None
