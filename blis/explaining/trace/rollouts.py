"""Sampled decisions made otherwise: what would have become of the request and of the others."""

from typing import TYPE_CHECKING, Any

import numpy as np

from blis.engine.rollout import ADMISSION_DECISION
from blis.foundation.units import US_PER_MS
from blis.result import Result

if TYPE_CHECKING:
    import pyarrow


def table(result: Result) -> "pyarrow.Table | None":
    """One row per alternative that was tried; None without rollouts.

    A change is the other future minus the real one, so a negative one means that the alternative was better.
    """
    import pyarrow as pa

    rows = result.rollouts
    if rows is None:
        return None
    number = result.requests.number

    def change(other: Any, real: Any) -> Any:
        return pa.array((other - real) / US_PER_MS, mask=(other < 0) | (real < 0))

    def mean(total: Any, count: Any) -> Any:
        return pa.array(total / np.maximum(count, 1) / US_PER_MS, mask=count == 0)

    return pa.table(
        {
            "decision": np.where(rows.kind == ADMISSION_DECISION, "admission", "routing"),
            "request": number[rows.request],
            "clock_us": rows.clock_us,
            "chosen": rows.chosen,
            "alternative": rows.alternative,
            "until_us": rows.until_us,
            "ttft_ms": pa.array(rows.ttft_us / US_PER_MS, mask=rows.ttft_us < 0),
            "e2e_ms": pa.array(rows.e2e_us / US_PER_MS, mask=rows.e2e_us < 0),
            "ttft_change_ms": change(rows.ttft_us, rows.real_ttft_us),
            "e2e_change_ms": change(rows.e2e_us, rows.real_e2e_us),
            "others_ttft_change_ms": mean(rows.others_ttft_us, rows.others_begun),
            "others_e2e_change_ms": mean(rows.others_e2e_us, rows.others_completed),
            "others_compared": rows.others_completed,
            "others_gained": rows.others_gained,
            "others_lost": rows.others_lost,
        }
    )
