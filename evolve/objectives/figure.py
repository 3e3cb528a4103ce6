"""Latency, throughput, goodput, attainment, fairness and prices, as `blis.metrics.figures` defines them."""

from blis.fitness.objectives import OBJECTIVES, PRICED
from evolve.records import Record

#: Objective -> the figure that it reads.
FIGURE = {
    **{
        f"{latency}-{which}": f"{latency}_{which}_ms"
        for latency in ("ttft", "itl", "e2e")
        for which in ("mean", "p50", "p90", "p99")
    },
    "goodput": "goodput_rps",
    "lateness": "lateness",
    "promised-time": "promised_time_used",
    "slo-attainment": "slo_attainment",
    "throughput": "responses_per_sec",
    "token-throughput": "tokens_per_sec",
    "completion": "completion_ratio",
    "cost-in-all": "cost_usd",
    "cost-per-request": "cost_per_request_usd",
    "cost-per-good-request": "cost_per_good_request_usd",
    "fairness": "jain_throughput",
    "latency-fairness": "jain_latency",
}
JUDGED = {name: {**OBJECTIVES, **PRICED}[figure] for name, figure in FIGURE.items()}


def value(name: str, record: Record, complexity: float) -> float | None:
    """The figure; None after a failure, and where the figure is not defined."""
    return record.figures.get(FIGURE[name])
