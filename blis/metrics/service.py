"""How a group of requests was served: how many, how fast, and how many as well as they were promised."""

import numpy as np

from blis.foundation.units import US_PER_S
from blis.metrics.latency import latency_figures
from blis.metrics.promise import geometric_mean
from blis.metrics.served import Served
from blis.metrics.states import status_counts


def service_figures(served: Served, end_us: int) -> dict[str, int | float | None]:
    """Counts, ratios, rates, latencies and SLO attainment of these requests.

    Ratios are per request that had arrived by the end, whatever became of it: who rejects or drops gains nothing.
    Rates are per second of simulated time, up to `end_us`, the time of the last event. None of none.
    """
    completed = served.completed
    counts = status_counts(served.status)
    n_arrived = int(np.count_nonzero(served.arrived))
    n_good = int(np.count_nonzero(served.meets_slo))
    n_tokens = int(served.output_tokens[completed].sum())
    seconds, used = end_us / US_PER_S, served.promised_time_used[served.arrived]
    return {
        "injected_requests": len(served.status),
        "arrived_requests": n_arrived,
        **counts,
        "completion_ratio": share(counts["completed_requests"], n_arrived),
        "rejection_ratio": share(counts["rejected_requests"], n_arrived),
        "total_output_tokens": n_tokens,
        "responses_per_sec": share(counts["completed_requests"], seconds),
        "tokens_per_sec": share(n_tokens, seconds),
        "slo_attainment": share(n_good, n_arrived),
        "lateness": geometric_mean(served.lateness[served.arrived]),
        "promised_time_used": geometric_mean(used[~np.isnan(used)]),
        "goodput_rps": share(n_good, seconds),
        "goodput_tokens_per_sec": share(int(served.output_tokens[served.meets_slo].sum()), seconds),
        **latency_figures(served),
    }


def share(part: float, whole: float) -> float | None:
    """The quotient; None of nothing."""
    return part / whole if whole > 0 else None
