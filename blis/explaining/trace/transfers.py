"""How the KV of divided requests moved: from where to where, when, how much, and beside how many others."""

from typing import TYPE_CHECKING

import numpy as np

from blis.foundation.columns import numbers, table_of
from blis.result import Result

if TYPE_CHECKING:
    import pyarrow


def table(result: Result) -> "pyarrow.Table | None":
    """One row per request that was divided, by when its prompt was done; None where requests never are.

    Of one that was divided more than once, because an instance died, the last time counts. A row without a start waits
    for room, or for its prompt, at the end of the run.
    """
    moved, requests = result.outcome.transfers, result.requests
    if moved is None:
        return None
    rows = np.flatnonzero(moved.prefill_instance >= 0)
    rows = rows[np.argsort(moved.prefilled_us[rows], kind="stable")]
    absent = moved.started_us[rows] < 0
    return table_of(
        {
            "request": requests.number[rows],
            "prefill_instance": moved.prefill_instance[rows],
            "decode_instance": numbers(moved.decode_instance[rows], absent),
            "prefilled_us": numbers(moved.prefilled_us[rows], moved.prefilled_us[rows] < 0),
            "started_us": numbers(moved.started_us[rows], absent),
            "arrived_us": numbers(moved.arrives_us[rows], absent),
            "sent_blocks": numbers(moved.sent_blocks[rows], absent),
            "depth": numbers(moved.depth[rows], absent),
        }
    )
