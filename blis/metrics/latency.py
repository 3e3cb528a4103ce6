"""How long requests take: until they are taken from the queue, to their first token, between tokens, to their last."""

from blis.engine.codes import COMPLETED
from blis.metrics.percentiles import Figures, figures_ms, weighted_figures_ms
from blis.outcome import RequestOutcome
from blis.units import BoolVector, Int64Vector


def latency_figures(requests: RequestOutcome, of: BoolVector) -> Figures:
    """TTFT and E2E of the completed requests among `of`, scheduling delay of those that were ever taken.

    A completed request without output has no first token, so it counts for E2E alone.
    """
    completed = of & (requests.status == COMPLETED)
    taken = of & (requests.scheduling_delay_us >= 0)
    return {
        **figures_ms("e2e", requests.e2e_us[completed]),
        **figures_ms("ttft", requests.ttft_us[completed & (requests.ttft_us >= 0)]),
        **figures_ms("scheduling_delay", requests.scheduling_delay_us[taken]),
    }


def interval_figures(interval_us: Int64Vector, interval_tokens: Int64Vector) -> Figures:
    """Inter-token latency over all single intervals of completed requests, from (interval, count) pairs."""
    return weighted_figures_ms("itl", interval_us, interval_tokens)
