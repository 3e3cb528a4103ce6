"""Requests whose figures can be worked out by hand."""

from types import SimpleNamespace

import numpy as np

from blis.engine.codes import COMPLETED, NOT_STARTED, REJECTED, RUNNING
from blis.metrics.served import Served


def example() -> Served:
    """Four of five had arrived: one completed well, one completed late, one rejected, one running."""
    return Served(
        status=np.array([COMPLETED, COMPLETED, REJECTED, RUNNING, NOT_STARTED]),
        arrived=np.array([True, True, True, True, False]),
        meets_slo=np.array([True, False, False, False, False]),
        lateness=np.array([1.0, 4.0, 100.0, 100.0, 100.0]),
        promised_time_used=np.array([0.5, np.nan, 100.0, 100.0, 100.0]),
        ttft_us=np.array([1_000, 3_000, -1, 50_000, -1]),
        itl_mean_us=np.array([10.5, np.nan, np.nan, np.nan, np.nan]),
        e2e_us=np.array([10_000, 20_000, -1, -1, -1]),
        scheduling_delay_us=np.array([500, 700, -1, 900, -1]),
        input_tokens=np.array([10, 20, 30, 40, 50]),
        output_tokens=np.array([5, 1, 7, 9, 11]),
    )


def run_of(
    status: list[int],
    *,
    ttft_ms: list[float],
    itl_ms: list[float],
    e2e_ms: list[float],
    slo_classes: tuple[str, ...] = ("",),
    slo_class: list[int] | None = None,
    arrival_us: list[int] | None = None,
    end_us: int = 10**6,
) -> tuple[SimpleNamespace, SimpleNamespace]:
    """Requests and outcome with what SLO attainment depends on; a time of -1 never came."""
    n = len(status)
    requests = SimpleNamespace(
        arrival_us=np.array(arrival_us or [0] * n),
        slo_class=np.array(slo_class or [0] * n, np.int32),
        slo_classes=slo_classes,
        input_tokens=np.full(n, 10),
        output_tokens=np.full(n, 10),
    )
    rows = SimpleNamespace(
        status=np.array(status),
        arrival_us=requests.arrival_us,
        ttft_us=_microseconds(ttft_ms),
        e2e_us=_microseconds(e2e_ms),
        itl_mean_us=np.array(itl_ms) * 1000,
        scheduling_delay_us=np.zeros(n, np.int64),
    )
    return requests, SimpleNamespace(requests=rows, end_us=end_us)


def _microseconds(times_ms: list[float]) -> np.ndarray:
    return np.array([-1 if time_ms < 0 else round(time_ms * 1000) for time_ms in times_ms])
