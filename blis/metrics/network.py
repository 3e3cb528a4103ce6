"""What clients see: TTFT and E2E with the way there and back."""

import numpy as np

from blis.engine.codes import COMPLETED
from blis.foundation.units import Float64Vector, Int64Vector
from blis.metrics.percentiles import Figures, figures_ms
from blis.outcome import RequestOutcome
from blis.workload.requests import Requests

BITS_PER_TOKEN = 32  #: four bytes of text


def network_figures(requests: Requests, outcome: RequestOutcome) -> Figures:
    """TTFT and E2E of completed requests as their clients measure them; nothing if no client has a network.

    A client without a network sees what the server does. A completed request without output has no first token,
    so it counts for E2E alone.
    """
    if not requests.networks:
        return {}
    up_us = delay_us(requests, requests.input_tokens)
    down_us = delay_us(requests, requests.output_tokens)
    rtt_us = np.array([network.rtt_us for network in requests.networks])[requests.client]
    completed = outcome.status == COMPLETED
    first = completed & (outcome.ttft_us >= 0)
    ttft_us = np.rint(outcome.ttft_us + rtt_us + up_us).astype(np.int64)
    e2e_us = np.rint(outcome.e2e_us + rtt_us + up_us + down_us).astype(np.int64)
    return {**figures_ms("client_ttft", ttft_us[first]), **figures_ms("client_e2e", e2e_us[completed])}


def delay_us(requests: Requests, tokens: Int64Vector) -> Float64Vector:
    """Time that `tokens` (n,) of each request take on its client's network [µs]: 32 bits each at its bandwidth."""
    bandwidths = np.array([network.bandwidth_mbps for network in requests.networks])  # 10⁶ bit/s = bit/µs
    us_per_bit = np.divide(1.0, bandwidths, out=np.zeros(len(bandwidths)), where=bandwidths > 0)
    delays: Float64Vector = tokens * BITS_PER_TOKEN * us_per_bit[requests.client]
    return delays
