"""How long requests take: until they are taken from the queue, to their first token, between tokens, to their last."""

from blis.engine.tallies import Tally
from blis.foundation.units import Int64Vector
from blis.metrics.percentiles import Figures, figures_ms, weighted_figures_ms


def latency_figures(sums: Tally) -> Figures:
    """TTFT, E2E and mean time between tokens of the completed requests, scheduling delay of those ever taken.

    A completed request without output has no first token, so it counts for E2E alone. `request_itl` weighs requests
    equally, however many tokens they have; `interval_figures` weighs tokens.
    """
    return {
        **figures_ms("ttft", sums.ttft_us),
        **figures_ms("request_itl", sums.itl_mean_us),
        **figures_ms("e2e", sums.e2e_us),
        **figures_ms("scheduling_delay", sums.scheduling_delay_us),
    }


def interval_figures(interval_us: Int64Vector, interval_tokens: Int64Vector) -> Figures:
    """Inter-token latency over all single intervals of completed requests, from (interval, count) pairs."""
    return weighted_figures_ms("itl", interval_us, interval_tokens)
