"""Sampled decisions made otherwise: what would have become of the request and of the others."""

from typing import TYPE_CHECKING, Any

import numpy as np

from blis.engine.rollout import ADMISSION_DECISION
from blis.foundation.columns import numbers, table_of, texts
from blis.foundation.units import US_PER_MS
from blis.result import Result

if TYPE_CHECKING:
    import pyarrow


def table(result: Result) -> "pyarrow.Table | None":
    """One row per alternative that was tried; None without rollouts.

    A change is the other future minus the real one, so a negative one means that the alternative was better.
    """
    rows = result.rollouts
    if rows is None:
        return None
    number = result.requests.number

    def change(other: Any, real: Any) -> Any:
        return numbers((other - real) / US_PER_MS, (other < 0) | (real < 0))

    def mean(total: Any, count: Any) -> Any:
        return numbers(total / np.maximum(count, 1) / US_PER_MS, count == 0)

    return table_of(
        {
            "decision": texts(["admission" if kind == ADMISSION_DECISION else "routing" for kind in rows.kind]),
            "request": number[rows.request],
            "clock_us": rows.clock_us,
            "chosen": rows.chosen,
            "alternative": rows.alternative,
            "until_us": rows.until_us,
            "ttft_ms": numbers(rows.ttft_us / US_PER_MS, rows.ttft_us < 0),
            "e2e_ms": numbers(rows.e2e_us / US_PER_MS, rows.e2e_us < 0),
            "ttft_change_ms": change(rows.ttft_us, rows.real_ttft_us),
            "e2e_change_ms": change(rows.e2e_us, rows.real_e2e_us),
            "others_ttft_change_ms": mean(rows.others_ttft_us, rows.others_begun),
            "others_e2e_change_ms": mean(rows.others_e2e_us, rows.others_completed),
            "others_compared": rows.others_completed,
            "others_gained": rows.others_gained,
            "others_lost": rows.others_lost,
        }
    )
