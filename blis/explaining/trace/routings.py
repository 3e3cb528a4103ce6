"""Choices of instances, what the policy thought of each candidate, and what each promised by the reference model."""

from typing import TYPE_CHECKING

import numpy as np

from blis.foundation.columns import numbers, table_of
from blis.foundation.units import US_PER_MS
from blis.result import Result

if TYPE_CHECKING:
    import pyarrow


def table(result: Result) -> "pyarrow.Table":
    """One row per routing decision; lists have one entry per instance."""
    trace, done = result.trace, result.outcome.requests
    routings = trace.routings
    columns = {
        "request": result.requests.number[routings.request],
        "clock_us": routings.clock_us,
        "instance": routings.instance,
        "score": done.routing_score[routings.request],
        "rank": routings["rank"],
        "effective_load": routings.effective_load,
        "least_load": routings.least_load,
        "cached_blocks": routings.cached_blocks,
        "most_cached_blocks": routings.most_cached_blocks,
        "expected_ttft_ms": routings.expected_ttft_us / US_PER_MS,
        "quickest_instance": routings.quickest,
        "score_regret": done.routing_regret[routings.request],
        "reference_regret_ms": (routings.expected_ttft_us - routings.least_ttft_us) / US_PER_MS,
    }
    if len(trace.scores):
        columns["scores"] = _lists(trace.scores)
        columns["expected_ttft_ms_by_instance"] = _lists(trace.expected_ttft_us / US_PER_MS)
        for place, name in enumerate(result.policies["routing"].scorers):
            columns[f"scores_{name}"] = _lists(np.ascontiguousarray(trace.scorer_scores[:, place]))
    return table_of(columns)


def _lists(matrix: np.ndarray) -> "pyarrow.Array":
    import pyarrow as pa

    return pa.FixedSizeListArray.from_arrays(numbers(matrix.ravel()), matrix.shape[1])
