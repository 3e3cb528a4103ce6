"""Loading a version 2 trace of 1,000,000 requests."""

from experiments.bench import Measurement
from experiments.bench._logs import measure_loading, write_trace_v2


def measure() -> Measurement:
    """Time of one reading, from the file to the table of requests."""
    return measure_loading("load_trace_v2", "trace-v2", write_trace_v2)
