"""Batches as they were formed: a sample for each step, and for each run of steps in which one batch only decodes."""

from typing import TYPE_CHECKING, Any

from blis.engine.codes import STOP_NAMES
from blis.foundation.columns import numbers, table_of, texts
from blis.result import Result

if TYPE_CHECKING:
    import pyarrow


def table(result: Result) -> "pyarrow.Table":
    """One row per sample."""
    import pyarrow as pa

    samples, number = result.trace.samples, result.requests.number
    plain = (
        "clock_us", "length_us", "steps", "instance", "queued_requests", "running_requests", "taken_requests",
        "prefill_tokens", "decode_requests", "used_blocks", "inverted_requests",
    )  # fmt: skip
    columns: dict[str, Any] = {name: samples[name] for name in plain}
    columns["stopped_by"] = pa.DictionaryArray.from_arrays(numbers(samples.stopped_by), texts(STOP_NAMES))
    for name in ("blocked_request", "fitting_request", "inverted_request", "passed_request"):
        columns[name] = numbers(number[samples[name]], samples[name] < 0)
    return table_of(columns).sort_by([("clock_us", "ascending"), ("instance", "ascending")])
