"""How long requests take: until they are taken from the queue, to their first token, between tokens, to their last."""

import numpy as np

from blis.foundation.units import Int64Vector
from blis.metrics.percentiles import Figures, figures_ms, weighted_figures_ms
from blis.metrics.served import Served


def latency_figures(served: Served) -> Figures:
    """TTFT, E2E and mean time between tokens of the completed requests, scheduling delay of those ever taken.

    A completed request without output has no first token, so it counts for E2E alone. `request_itl` weighs requests
    equally, however many tokens they have; `interval_figures` weighs tokens.
    """
    completed = served.completed
    ttft_us, itl_us = served.ttft_us[completed], served.itl_mean_us[completed]
    return {
        **figures_ms("ttft", ttft_us[ttft_us >= 0]),
        **figures_ms("request_itl", itl_us[~np.isnan(itl_us)]),
        **figures_ms("e2e", served.e2e_us[completed]),
        **figures_ms("scheduling_delay", served.scheduling_delay_us[served.scheduling_delay_us >= 0]),
    }


def interval_figures(interval_us: Int64Vector, interval_tokens: Int64Vector) -> Figures:
    """Inter-token latency over all single intervals of completed requests, from (interval, count) pairs."""
    return weighted_figures_ms("itl", interval_us, interval_tokens)
