"""Who gave way, where, and what was lost."""

from typing import TYPE_CHECKING

from blis.foundation.columns import table_of
from blis.result import Result

if TYPE_CHECKING:
    import pyarrow


def table(result: Result) -> "pyarrow.Table":
    """One row per preemption, in the order in which instances were simulated."""
    preemptions = result.trace.preemptions
    return table_of(
        {
            "clock_us": preemptions.clock_us,
            "instance": preemptions.instance,
            "request": result.requests.number[preemptions.request],
            "running_requests": preemptions.running_requests,
            "lost_tokens": preemptions.lost_tokens,
        }
    ).sort_by([("clock_us", "ascending"), ("instance", "ascending")])
