"""The figures that open the page, and which column of the request table each is a statistic of."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from blis.foundation.units import Float64Vector
from blis.output.page.files import is_text, numbers

if TYPE_CHECKING:
    import pyarrow

SHARE, MILLISECONDS, RATE, RATIO, COUNT = "share", "ms", "per second", "ratio", "count"


class Measure(NamedTuple):
    """One figure of metrics.json."""

    key: str
    words: str
    unit: str  #: how it is printed
    sample: str | None = None  #: whose statistic it is, see `samples`; None: it is no statistic of single requests
    percent: float | None = None  #: which percentile; None: the mean


def _latency(key: str, words: str, percents: tuple[int, ...] = (50, 99)) -> list[Measure]:
    mean = Measure(f"{key}_mean_ms", f"{words}, mean", MILLISECONDS, key)
    return [mean, *(Measure(f"{key}_p{one}_ms", f"{words}, p{one}", MILLISECONDS, key, one) for one in percents)]


MEASURES = (
    Measure("completion_ratio", "completed", SHARE, "completed"),
    Measure("rejection_ratio", "rejected", SHARE, "rejected"),
    Measure("slo_attainment", "within SLO targets", SHARE, "meets_slo"),
    Measure("goodput_rps", "good requests/s", RATE),
    Measure("tokens_per_sec", "output tokens/s", RATE),
    *_latency("ttft", "TTFT"),
    *_latency("request_itl", "mean time between tokens"),
    *_latency("e2e", "E2E"),
    Measure("queue_peak_requests", "longest queue", COUNT),
    Measure("preemptions", "preemptions", COUNT),
    Measure("cache_hit_rate", "cache hit rate", SHARE),
    Measure("kv_peak_use", "KV use, peak", SHARE),
    Measure("busy_max_over_mean", "busiest instance over mean", RATIO),
)


def samples(requests: "pyarrow.Table") -> dict[str, Float64Vector]:
    """(requests,) each, in order of arrival; NaN where a request does not count: not arrived, or not completed."""
    meets_slo = requests["meets_slo"].cast("float64").to_numpy()
    arrived = ~np.isnan(meets_slo)
    completed = is_text(requests, "status", "completed")

    def of_completed(column: str) -> Float64Vector:
        return np.where(completed, numbers(requests, column), np.nan)

    return {
        "completed": np.where(arrived, completed.astype(np.float64), np.nan),
        "rejected": np.where(arrived, is_text(requests, "status", "rejected").astype(np.float64), np.nan),
        "meets_slo": meets_slo,
        "ttft": of_completed("ttft_ms"),
        "request_itl": of_completed("itl_mean_ms"),
        "e2e": of_completed("e2e_ms"),
    }
