"""How a group of requests was served: how many, how fast, and how many as well as they were promised."""

from collections.abc import Sequence

from blis.engine.judging import Judgement
from blis.engine.tallies import tally
from blis.foundation.units import US_PER_S
from blis.metrics.latency import latency_figures
from blis.metrics.promise import geometric_mean
from blis.metrics.served import Served
from blis.metrics.states import GATEWAY_KEYS, MOVING_KEYS, ONLINE_KEYS, named_counts


def service_figures(
    served: Served, end_us: int, absent: Sequence[str] = GATEWAY_KEYS + MOVING_KEYS + ONLINE_KEYS
) -> dict[str, int | float | None]:
    """Counts, ratios, rates, latencies and SLO attainment of these requests.

    Ratios are per request that had arrived by the end, whatever became of it: who rejects or drops gains nothing.
    Rates are per second of simulated time, up to `end_us`, the time of the last event. None of none. `absent` are keys
    of states in which nobody can be, see `blis.metrics.states`.
    """
    judgement = Judgement(served.arrived, served.meets_slo, served.lateness, served.promised_time_used)
    sums = tally(
        judgement, served.status, served.ttft_us, served.itl_mean_us, served.e2e_us, served.scheduling_delay_us,
        served.output_tokens,
    )  # fmt: skip
    counts = named_counts(sums.states, absent)
    seconds = end_us / US_PER_S
    return {
        "injected_requests": len(served.status),
        "arrived_requests": sums.n_arrived,
        **counts,
        "completion_ratio": share(counts["completed_requests"], sums.n_arrived),
        "rejection_ratio": share(counts["rejected_requests"], sums.n_arrived),
        "total_output_tokens": sums.n_tokens,
        "responses_per_sec": share(counts["completed_requests"], seconds),
        "tokens_per_sec": share(sums.n_tokens, seconds),
        "slo_attainment": share(sums.n_good, sums.n_arrived),
        "lateness": geometric_mean(sums.lateness),
        "promised_time_used": geometric_mean(sums.promised_time_used),
        "goodput_rps": share(sums.n_good, seconds),
        "goodput_tokens_per_sec": share(sums.n_good_tokens, seconds),
        **latency_figures(sums),
    }


def share(part: float, whole: float) -> float | None:
    """The quotient; None of nothing."""
    return part / whole if whole > 0 else None
