"""How long requests waited in the queue in front of the router, and how often refused ones came again."""

from blis.metrics.percentiles import figures_ms
from blis.outcome import Outcome


def gateway_figures(outcome: Outcome) -> dict[str, int | float | None]:
    """Figures of the queue; nothing without a gateway, and nothing of retries where no client comes again."""
    figures: dict[str, int | float | None] = {}
    if outcome.retries is not None:
        figures |= {
            "retries": int(outcome.retries.sum()),
            "retried_requests": int((outcome.retries > 0).sum()),
        }
    if outcome.gateway is not None:
        waits_us = outcome.gateway.wait_us
        sent = waits_us[waits_us >= 0]
        figures |= {
            "gateway_dispatched_requests": len(sent),
            "gateway_peak_requests": outcome.gateway.peak_requests,
            "gateway_evictions": outcome.gateway.evictions,
            **figures_ms("gateway_wait", sent),
        }
    return figures
