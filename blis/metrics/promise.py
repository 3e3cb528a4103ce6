"""How late every arrival was, in units of what its class was promised: nobody is left out, whatever became of them."""

import numpy as np

from blis.foundation.units import Float64Vector


def geometric_mean(values: Float64Vector) -> float | None:
    """The mean by which a doubling here and a halving there are no change; None of none."""
    return float(np.exp(np.log(values).mean())) if len(values) else None
